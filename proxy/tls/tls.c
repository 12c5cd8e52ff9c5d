#include "proxy/tls/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "certstore/context.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/traffic.h"
#include "proxy/tls/tls_session.h"

enum {
    HELLO_KEPT = 4096, /* what a failed handshake is explained from */
    PLAIN_METHOD_MAX = 16, /* longest HTTP method looked for */
    RECORD_MAX = 16384, /* plaintext in one record */
    RECORD_OVERHEAD = 64, /* at most, of its ciphertext */
    FLIGHT_ROOM = 4096, /* what a server's first flight takes, mostly */
    BYTES_PER_EMPTY_RECORD = 4096 /* plaintext that pays for one */
};

static void on_info(const SSL *ssl, int where, int value)
{
    struct tls *tls = SSL_get_app_data(ssl);

    if ((where & SSL_CB_ALERT) == 0)
        return;
    if (where & SSL_CB_READ)
        tls->alert_received = value & 0xff;
    else
        tls->alert_sent = value & 0xff;
}

/* From inside engine_run(). */
static int on_keys_ready(SSL *ssl, void *tls)
{
    (void)ssl;
    ((struct tls *)tls)->keys_ready = true;
    return 1;
}

struct tls *tls_server(struct tls_context *context, struct buffer *out)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL)
        abort();
    tls->out = out;
    tls->alert_received = tls->alert_sent = -1;
    tls->context = (SSL_CTX *)context;
    (void)SSL_CTX_up_ref(tls->context);
    return tls;
}

/* OpenSSL shakes hands: it has not seen anything yet. */
static void use_openssl(struct tls *tls)
{
    tls->ssl = SSL_new(tls->context);
    if (tls->ssl == NULL)
        abort();
    BIO *bio = tls_bio_new(tls);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_info_callback(tls->ssl, on_info);
    SSL_set_accept_state(tls->ssl);
    if (engine_may_pause()) {
        SSL_set_mode(tls->ssl, SSL_MODE_ASYNC);
        SSL_set_async_callback(tls->ssl, on_keys_ready);
        SSL_set_async_callback_arg(tls->ssl, tls);
    }
    if (engine_seals_records() &&
        (tls->traffic = calloc(1, sizeof(*tls->traffic))) == NULL)
        abort();
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->ssl != NULL)
        engine_abandon(tls->ssl); /* or a job in progress would leak */
    SSL_free(tls->ssl);
    tls_native_free(tls->native);
    if (tls->traffic != NULL)
        traffic_wipe(tls->traffic);
    free(tls->traffic);
    tls_records_free(tls->records);
    tls_negotiated_free(tls->outcome);
    SSL_CTX_free(tls->context);
    buffer_destroy(&tls->partial);
    buffer_destroy(&tls->kept);
    buffer_destroy(&tls->hello);
    free(tls);
}

static void remember_hello(struct tls *tls, const char *data, size_t len)
{
    size_t room = HELLO_KEPT - buffer_len(&tls->hello);

    buffer_append(&tls->hello, data, len < room ? len : room);
}

void tls_feed(struct tls *tls, const char *data, size_t len)
{
    if (!tls->open)
        remember_hello(tls, data, len);
    if (tls->in_len == 0) {
        tls->in = data;
        tls->in_len = len;
        return;
    }
    tls_keep(tls);
    buffer_append(&tls->kept, data, len);
    tls->in = buffer_data(&tls->kept);
    tls->in_len = buffer_len(&tls->kept);
}

void tls_keep(struct tls *tls)
{
    size_t kept = buffer_len(&tls->kept);

    if (tls->in_len == 0) {
        buffer_destroy(&tls->kept);
        return;
    }
    /* What is not the caller's is the end of what was kept before. */
    if (kept > 0)
        buffer_consume(&tls->kept, kept - tls->in_len);
    else
        buffer_append(&tls->kept, tls->in, tls->in_len);
    tls->in = buffer_data(&tls->kept);
}

/* A load balancer in front tells whom it speaks for: "PROXY TCP4 ...", or in binary, by
 * this signature. TLS_NEED_INPUT: it may be one. */
static int look_for_proxy_protocol(struct tls *tls)
{
    static const struct {
        const char *bytes;
        size_t len;
    } signatures[] = {{"PROXY ", 6}, {"\r\n\r\n\0\r\nQUIT\n", 12}};
    const char *bytes = buffer_data(&tls->hello);
    size_t len = buffer_len(&tls->hello);

    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        size_t common = len < signatures[i].len ? len : signatures[i].len;

        if (memcmp(bytes, signatures[i].bytes, common) != 0)
            continue;
        if (common < signatures[i].len)
            return TLS_NEED_INPUT;
        tls->dead = tls->proxy_protocol = true;
        tls->text = "a PROXY protocol header before TLS: the load balancer in front must "
                    "not send one (send-proxy, proxy_protocol)";
        return TLS_FAILED;
    }
    return TLS_OPENED;
}

/* A method and a space in the clear: somebody typed http:// for https://. */
static int look_for_plain_http(struct tls *tls)
{
    const char *bytes = buffer_data(&tls->hello);
    size_t len = buffer_len(&tls->hello), letters = 0;

    while (letters < len && letters < PLAIN_METHOD_MAX && bytes[letters] >= 'A' &&
        bytes[letters] <= 'Z')
        letters++;
    if (letters == len && letters < PLAIN_METHOD_MAX)
        return TLS_NEED_INPUT;
    tls->recognised = true;
    if (letters < 3 || letters == PLAIN_METHOD_MAX || bytes[letters] != ' ')
        return TLS_OPENED;
    tls->dead = true;
    tls->text = "plain HTTP on the TLS port";
    return TLS_PLAIN_HTTP;
}

static int dead(struct tls *tls)
{
    tls->dead = true;
    tls->error = ERR_peek_error();
    if (tls->text == NULL)
        tls->text = ERR_reason_error_string(tls->error);
    ERR_clear_error();
    if (tls->flooded) {
        tls->text = "too many records that carry nothing";
        return TLS_FLOOD;
    }
    if (tls->error != 0 &&
        (ERR_GET_REASON(tls->error) == SSL_R_TOO_MANY_WARN_ALERTS ||
            ERR_GET_REASON(tls->error) == SSL_R_RECORD_TOO_SMALL))
        return TLS_FLOOD;
    return TLS_FAILED;
}

int tls_used_up(struct tls *tls)
{
    assert(tls->in_len == 0);
    buffer_destroy(&tls->kept);
    return TLS_NEED_INPUT;
}

/* What OpenSSL's "no" means to us. */
static int judge(struct tls *tls, int result)
{
    tls->awaiting = false;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return tls_used_up(tls);
    case SSL_ERROR_WANT_ASYNC:
        tls->awaiting = true;
        return TLS_NEED_KEYS;
    case SSL_ERROR_WANT_ASYNC_JOB:
        tls->awaiting = tls->keys_ready = true; /* no job is free: tried again soon */
        return TLS_NEED_KEYS;
    case SSL_ERROR_ZERO_RETURN:
        tls->ended = true;
        return TLS_END;
    default:
        return dead(tls);
    }
}

static int handshake_by_openssl(struct tls *tls)
{
    ERR_clear_error();
    tls->keys_ready = false;
    traffic_watch(tls->traffic);
    int result = SSL_do_handshake(tls->ssl);
    traffic_watch(NULL);
    if (result != 1)
        return judge(tls, result);
    tls->awaiting = false;
    tls->open = true;
    tls->empty_records = 0;
    buffer_destroy(&tls->hello);
    /* A job for each read and write would cost more than it could ever gain. */
    SSL_clear_mode(tls->ssl, SSL_MODE_ASYNC);
    tls->outcome = tls_negotiated_of(tls->ssl);
    tls_take_over(tls);
    return TLS_OPENED;
}

/* What is not TLS, and worth to be named. TLS_OPENED: nothing of the kind. */
static int look_for_clear_text(struct tls *tls)
{
    int seen = look_for_proxy_protocol(tls);

    return seen == TLS_OPENED ? look_for_plain_http(tls) : seen;
}

/* TLS_OPENED: it is known who shakes hands. */
static int choose_who(struct tls *tls)
{
    int seen = tls->recognised ? TLS_OPENED : look_for_clear_text(tls);

    if (tls->dead)
        return seen;
    if (seen == TLS_OPENED)
        seen = engine_seals_records() ? tls_native_begin(tls) : TLS_FAILED;
    if (seen == TLS_FAILED)
        use_openssl(tls);
    return seen == TLS_FAILED ? TLS_OPENED : seen;
}

static int handshake(struct tls *tls, char *plain, size_t capacity)
{
    if (tls->ssl == NULL && tls->native == NULL) {
        int seen = choose_who(tls);

        if (seen != TLS_OPENED) {
            tls_keep(tls); /* fed again with what completes it */
            return seen;
        }
    }
    if (buffer_len(tls->out) == 0)
        (void)buffer_reserve(tls->out, FLIGHT_ROOM);
    return tls->native != NULL ? tls_native_read(tls, plain, capacity)
                               : handshake_by_openssl(tls);
}

void tls_earn(struct tls *tls, size_t len)
{
    tls->empty_records -= tls->empty_records > 0;
    tls->allowance_bytes += (uint32_t)len;
    if (tls->allowance_bytes >= BYTES_PER_EMPTY_RECORD) {
        uint32_t earned = tls->allowance_bytes / BYTES_PER_EMPTY_RECORD;

        tls->allowance_bytes %= BYTES_PER_EMPTY_RECORD;
        tls->empty_records -= earned < tls->empty_records ? earned : tls->empty_records;
    }
}

int tls_read(struct tls *tls, char *plain, size_t capacity)
{
    if (tls->dead)
        return tls->flooded ? TLS_FLOOD : TLS_FAILED;
    if (tls->ended)
        return TLS_END;
    if (!tls->open)
        return tls->in_len == 0 && !tls->awaiting ? tls_used_up(tls)
                                                  : handshake(tls, plain, capacity);
    if (tls->records != NULL)
        return tls_records_read(tls, plain, capacity);
    if (tls->in_len == 0)
        return tls_used_up(tls);
    ERR_clear_error();
    int n = SSL_read(tls->ssl, plain, (int)capacity);
    if (n <= 0)
        return judge(tls, n);
    tls_earn(tls, (size_t)n);
    return n;
}

bool tls_write(struct tls *tls, const char *plain, size_t len)
{
    size_t written, records = len / RECORD_MAX + 1;

    assert(tls->open);
    if (len == 0)
        return true;
    if (tls->dead)
        return false;
    if (tls->records != NULL)
        return tls_records_write(tls, plain, len);
    buffer_reserve(tls->out, len + records * RECORD_OVERHEAD);
    ERR_clear_error();
    /* Whole: the BIO takes everything. */
    if (SSL_write_ex(tls->ssl, plain, len, &written) == 1 && written == len)
        return true;
    dead(tls);
    return false;
}

void tls_end(struct tls *tls)
{
    if (!tls->open || tls->dead)
        return;
    if (tls->records != NULL) {
        tls_records_end(tls);
        return;
    }
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

bool tls_is_untouched(const struct tls *tls)
{
    return !tls->open && tls->in_len == 0 && buffer_len(&tls->hello) == 0;
}

bool tls_is_resumed(const struct tls *tls)
{
    return tls->outcome->resumed;
}

void *tls_service(const struct tls *tls)
{
    return context_owner(tls->outcome->context);
}

bool tls_is_open(const struct tls *tls)
{
    return tls->open;
}

bool tls_is_answered(const struct tls *tls)
{
    return tls->answered;
}

bool tls_awaits_keys(const struct tls *tls)
{
    return tls->awaiting;
}

bool tls_keys_are_ready(const struct tls *tls)
{
    return tls->keys_ready;
}

bool tls_has_input(const struct tls *tls)
{
    return tls->in_len > 0;
}

const char *tls_error(const struct tls *tls)
{
    return tls->text != NULL ? tls->text : "TLS failed without saying why";
}
