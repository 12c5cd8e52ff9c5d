#include "proxy/tls/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/context.h"
#include "proxy/base/memory.h"
#include "proxy/tls/tls_session.h"

enum {
    HELLO_KEPT = 4096, /* kept to explain a failed handshake */
    PLAIN_METHOD_MAX = 16, /* longest HTTP method that is recognized */
    FLIGHT_ROOM = 4096, /* the usual size of a server's first flight */
    BYTES_PER_EMPTY_RECORD = 4096 /* plaintext that pays for one empty record */
};

static struct tls *make(struct tls_context *context, struct buffer *out)
{
    struct tls *tls = memory_new(sizeof(*tls));

    tls->out = out;
    tls->alert_received = tls->alert_sent = -1;
    tls->context = (SSL_CTX *)context;
    (void)SSL_CTX_up_ref(tls->context);
    return tls;
}

struct tls *tls_server(struct tls_context *context, struct buffer *out)
{
    return make(context, out);
}

struct tls *tls_client(struct tls_context *context, const char *name, struct buffer *out)
{
    struct tls *tls = make(context, out);

    tls->server = memory_text(name);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->engine != NULL)
        tls->engine->free(tls);
    tls_negotiated_free(tls->outcome);
    SSL_CTX_free(tls->context);
    buffer_destroy(&tls->kept);
    buffer_destroy(&tls->hello);
    free(tls->server);
    free(tls);
}

static void remember_hello(struct tls *tls, const char *data, size_t len)
{
    size_t room = HELLO_KEPT - buffer_len(&tls->hello);

    buffer_append(&tls->hello, data, len < room ? len : room);
}

void tls_feed(struct tls *tls, const char *data, size_t len)
{
    if (!tls->open && tls->server == NULL)
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
    /* Bytes that are not the caller's are the end of those kept before. */
    if (kept > 0)
        buffer_consume(&tls->kept, kept - tls->in_len);
    else
        buffer_append(&tls->kept, tls->in, tls->in_len);
    tls->in = buffer_data(&tls->kept);
}

/* A load balancer in front sends the client's address: "PROXY TCP4 ...", or in binary,
 * with this signature. TLS_NEED_INPUT: it may be one. */
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

/* A method and a space in the clear: somebody typed http:// instead of https://. */
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

int tls_used_up(struct tls *tls)
{
    assert(tls->in_len == 0);
    buffer_destroy(&tls->kept);
    return TLS_NEED_INPUT;
}

int tls_opened(struct tls *tls, struct tls_negotiated *outcome)
{
    tls->outcome = outcome;
    tls->awaiting = false;
    tls->open = true;
    tls->empty_records = 0;
    buffer_destroy(&tls->hello);
    return TLS_OPENED;
}

/* Recognizes other protocols that deserve an error of their own. TLS_OPENED: it is none
 * of them. */
static int look_for_clear_text(struct tls *tls)
{
    int seen = look_for_proxy_protocol(tls);

    return seen == TLS_OPENED ? look_for_plain_http(tls) : seen;
}

/* The native engine is tried first where the policy says so. A ClientHello that it does
 * not support goes to OpenSSL unchanged. TLS_OPENED: the engine is chosen. */
static int choose_engine(struct tls *tls)
{
    int seen =
        tls->recognised || tls->server != NULL ? TLS_OPENED : look_for_clear_text(tls);

    if (seen != TLS_OPENED)
        return seen;
    tls->engine = &tls_openssl;
#ifdef WLB_TLS_NATIVE
    const struct tls_policy *policy = context_policy(tls->context);

    if (policy != NULL && policy->engine == TLS_ENGINE_NATIVE) {
        seen = tls_native.begin(tls);
        tls->engine = seen == TLS_OPENED ? &tls_native
            : seen == TLS_FAILED         ? &tls_openssl
                                         : NULL;
    }
#endif
    return tls->engine == &tls_openssl ? tls_openssl.begin(tls) : seen;
}

static int handshake(struct tls *tls, char *plain, size_t capacity)
{
    if (tls->engine == NULL) {
        int seen = choose_engine(tls);

        if (seen != TLS_OPENED) {
            tls_keep(tls); /* it will be fed again with the rest */
            return seen;
        }
    }
    if (buffer_len(tls->out) == 0)
        (void)buffer_reserve(tls->out, FLIGHT_ROOM);
    return tls->engine->read(tls, plain, capacity);
}

bool tls_count_record(struct tls *tls)
{
    uint32_t most = tls->open ? TLS_EMPTY_RECORDS_MAX : TLS_HANDSHAKE_RECORDS_MAX;

    return ++tls->empty_records <= most;
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

/* A client speaks first. */
static bool has_to_go_on(const struct tls *tls)
{
    return tls->in_len > 0 || tls->awaiting || (tls->server != NULL && !tls->answered);
}

int tls_read(struct tls *tls, char *plain, size_t capacity)
{
    if (tls->dead)
        return tls->flooded ? TLS_FLOOD : TLS_FAILED;
    if (tls->ended)
        return TLS_END;
    if (!tls->open)
        return has_to_go_on(tls) ? handshake(tls, plain, capacity) : tls_used_up(tls);
    return tls->engine->read(tls, plain, capacity);
}

bool tls_write(struct tls *tls, const char *plain, size_t len)
{
    assert(tls->open);
    if (len == 0)
        return true;
    return !tls->dead && !tls->closed && tls->engine->write(tls, plain, len);
}

void tls_end(struct tls *tls)
{
    if (tls->open && !tls->dead)
        tls->engine->end(tls);
    tls->closed = true;
}

void tls_set_urgent(struct tls *tls, bool urgent)
{
    tls->urgent = urgent;
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

void *tls_service_named(struct tls_context *context, const char *name, size_t len)
{
    SSL_CTX *first = (SSL_CTX *)(void *)context;

    return context_owner(context_by_name(first, (const unsigned char *)name, len));
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

size_t tls_input(const struct tls *tls, const char **bytes)
{
    *bytes = tls->in;
    return tls->in_len;
}
