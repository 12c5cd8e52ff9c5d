#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/base/privileges.h"
#include "proxy/command/apart.h"
#include "proxy/ipc/wire.h"

/* GRACE: for the helper to begin, and to report the servers that have not answered. */
enum { OFFER_BYTES = 2048, FRAME_BYTES = 2048, GRACE_MS = 5000 };

/* ---- the question ---- */

static bool encode_offer(const struct handshake_offer *offer, int timeout_ms,
    struct message *m, char body[OFFER_BYTES])
{
    struct wire_writer w = {.bytes = body, .capacity = OFFER_BYTES};
    const char *const texts[] = {
        offer->ciphers, offer->groups, offer->signatures, offer->server_name};

    wire_put_u32(&w, (uint32_t)timeout_ms);
    wire_put_u32(&w, (uint32_t)offer->version);
    wire_put_u32(&w, offer->leaf_only);
    wire_put_u32(&w, offer->request);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && strlen(texts[i]) > OFFER_BYTES / 5)
            return false;
        wire_put_text(&w, texts[i]);
    }
    m->len = w.len;
    return true;
}

static bool decode_offer(
    const struct message *m, struct handshake_offer *offer, int *timeout_ms)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};

    *timeout_ms = (int)wire_get_u32(&r);
    offer->version = (int)wire_get_u32(&r);
    offer->leaf_only = wire_get_u32(&r) != 0;
    offer->request = wire_get_u32(&r) != 0;
    offer->ciphers = wire_get_text(&r);
    offer->groups = wire_get_text(&r);
    offer->signatures = wire_get_text(&r);
    offer->server_name = wire_get_text(&r);
    return wire_ended(&r) && *timeout_ms >= 0;
}

/* ---- the helper ---- */

static int no_certificate(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)certificate;
    (void)key;
    *(bool *)SSL_get_app_data(ssl) = true; /* asks_certificate */
    return 0;
}

static SSL_CTX *make_context(const struct handshake_offer *offer)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool good = context != NULL;

    if (!good)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_level(context, 0); /* even a weak server is shown */
    SSL_CTX_set_client_cert_cb(context, no_certificate);
    good = SSL_CTX_set_min_proto_version(context, offer->version) == 1 &&
        SSL_CTX_set_max_proto_version(context, offer->version) == 1;
    if (offer->ciphers != NULL)
        good = good && SSL_CTX_set_cipher_list(context, offer->ciphers) == 1;
    if (offer->groups != NULL)
        good = good && SSL_CTX_set1_groups_list(context, offer->groups) == 1;
    if (offer->signatures != NULL)
        good = good && SSL_CTX_set1_sigalgs_list(context, offer->signatures) == 1;
    if (good)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static const char *why_it_failed(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER)
        return "the server answers, but not in TLS: is it another port?";
    return reason != NULL ? reason : "the server closed the connection";
}

/* Waits until `end`; false if that has passed. */
static bool wait_for(int fd, short events, int64_t end)
{
    struct pollfd one = {fd, events, 0};
    int64_t left = end - clock_now_ms();

    return left > 0 && poll(&one, 1, (int)left) > 0;
}

static bool drive(SSL *ssl, int fd, int64_t end, struct error *err)
{
    for (;;) {
        int result = SSL_do_handshake(ssl), what;

        if (result == 1)
            return true;
        what = SSL_get_error(ssl, result);
        if (what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE)
            return error_set(err, "%s", why_it_failed());
        if (!wait_for(fd, what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end))
            return error_set(err, "the server does not go on with the handshake");
    }
}

/* Waits for what the connection wants after `result`; false: it is over. */
static bool wait_again(SSL *ssl, int result, int fd, int64_t end)
{
    int what = SSL_get_error(ssl, result);

    if (what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE)
        return false;
    return wait_for(fd, what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end);
}

/* The status line is enough: "HTTP/1.1 200". */
static unsigned read_status(SSL *ssl, int fd, int64_t end, struct error *err)
{
    enum { WANTED = 12 };
    char text[WANTED + 1] = "";
    unsigned minor, status;
    int len = 0;

    while (len < WANTED) {
        int got = SSL_read(ssl, text + len, WANTED - len);

        len += got > 0 ? got : 0;
        if (got <= 0 && !wait_again(ssl, got, fd, end)) {
            error_set(err, "no reply came to a request");
            return 0;
        }
    }
    if (sscanf(text, "HTTP/1.%1u %3u", &minor, &status) == 2)
        return status;
    error_set(err, "what came to a request is no HTTP reply");
    return 0;
}

static unsigned request(
    SSL *ssl, const struct handshake_offer *offer, int fd, int64_t end, struct error *err)
{
    const char *host = offer->server_name != NULL ? offer->server_name : "localhost";
    char text[512];
    int len = snprintf(text, sizeof(text),
        "GET / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n\r\n", host);
    int done;

    while ((done = SSL_write(ssl, text, len)) <= 0) {
        if (!wait_again(ssl, done, fd, end)) {
            error_set(err, "a request could not be sent");
            return 0;
        }
    }
    return read_status(ssl, fd, end, err);
}

static void put_terms(struct wire_writer *w, SSL *ssl)
{
    char group[80] = "", text[HANDSHAKE_TEXT_MAX];
    int id = SSL_get_negotiated_group(ssl);
    const char *name = id == 0 ? NULL : SSL_group_to_name(ssl, id);

    if (name != NULL)
        snprintf(group, sizeof(group), ", %s", name);
    snprintf(text, sizeof(text), "%s, %s%s", SSL_get_version(ssl),
        SSL_get_cipher_name(ssl), group);
    wire_put_text(w, text);
}

static void put_certificate(struct wire_writer *w, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    memory_require(len > 0);
    if ((size_t)len + FRAME_BYTES <= w->capacity - w->len)
        wire_put_bytes(w, der, (size_t)len);
    else
        wire_put_bytes(w, "", 0); /* no certificate has this size */
    OPENSSL_free(der);
}

static void put_chain(
    struct wire_writer *w, SSL *ssl, const struct handshake_offer *offer)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    int max = offer->leaf_only ? 1 : HANDSHAKE_CHAIN_MAX;
    int count = chain == NULL ? 0 : sk_X509_num(chain);

    count = count < max ? count : max;
    wire_put_u32(w, (uint32_t)count);
    for (int i = 0; i < count; i++)
        put_certificate(w, sk_X509_value(chain, i));
}

/* `out` has room for its share of the answer. */
static void shake_hands(struct wire_writer *w, SSL_CTX *context,
    const struct handshake_offer *offer, int fd, int64_t end)
{
    SSL *ssl = SSL_new(context);
    bool asks_certificate = false, done;
    struct error err = {""};
    unsigned status = 0;

    ERR_clear_error();
    memory_require(ssl != NULL && SSL_set_app_data(ssl, &asks_certificate) == 1);
    done = SSL_set_fd(ssl, fd) == 1 &&
        (offer->server_name == NULL ||
            SSL_set_tlsext_host_name(ssl, offer->server_name) == 1);
    SSL_set_connect_state(ssl);
    done = done ? drive(ssl, fd, end, &err)
                : error_set(&err, "this OpenSSL cannot make such a handshake");
    if (done && offer->request)
        status = request(ssl, offer, fd, end, &err);
    wire_put_u32(w, done);
    wire_put_u32(w, asks_certificate);
    wire_put_u32(w, status);
    wire_put_text(w, err.text);
    put_terms(w, ssl);
    put_chain(w, ssl, offer);
    if (done)
        (void)SSL_shutdown(ssl);
    SSL_free(ssl);
}

/* OpenSSL reads its configuration, and loads what that names. Where the kernel has no
 * getrandom(), it opens /dev/urandom, and keeps it. */
void apart_prepare_handshakes(void)
{
    (void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    (void)RAND_status();
}

size_t apart_answer_handshakes(
    const struct message *question, char *out, size_t capacity, struct error *err)
{
    struct handshake_offer offer;
    SSL_CTX *context;
    int timeout_ms;
    size_t len = 0;

    if (!decode_offer(question, &offer, &timeout_ms) ||
        question->fd_count > HANDSHAKES_MAX) {
        error_set(err, "what was asked is no question");
        return 0;
    }
    context = make_context(&offer);
    if (context == NULL) {
        error_set(err, "this OpenSSL cannot make such a handshake");
        return 0;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is reported, too */
    const int64_t end = clock_now_ms() + timeout_ms;
    for (size_t i = 0; i < question->fd_count; i++) {
        struct wire_writer w = {
            .bytes = out + len, .capacity = (capacity - len) / (question->fd_count - i)};

        shake_hands(&w, context, &offer, question->fds[i], end);
        len += w.len;
    }
    SSL_CTX_free(context);
    return len;
}

/* ---- the asking side ---- */

static void take_text(struct wire_reader *r, char *text, size_t size)
{
    const char *told = wire_get_text(r);

    helper_text(text, size, told != NULL ? told : "");
}

static void take_handshake(struct wire_reader *r, struct handshake *h)
{
    h->done = wire_get_u32(r) != 0;
    h->asks_certificate = wire_get_u32(r) != 0;
    h->status = wire_get_u32(r);
    take_text(r, h->err.text, sizeof(h->err.text));
    take_text(r, h->terms, sizeof(h->terms));
    h->chain_len = wire_get_count(r, sizeof(uint64_t));
    if (h->chain_len > HANDSHAKE_CHAIN_MAX)
        r->failed = true;
    for (size_t i = 0; i < h->chain_len && !r->failed; i++)
        h->chain[i].at = (const void *)wire_get_bytes(r, &h->chain[i].len);
}

static bool take_all(struct handshakes *seen, size_t count, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)seen->answer.bytes, seen->answer.len}};

    for (size_t i = 0; i < count && !r.failed; i++)
        take_handshake(&r, &seen->list[i]);
    return wire_ended(&r) || error_set(err, "what the helper says is no answer");
}

bool handshakes_apart(struct handshakes *seen, const struct handshake_offer *offer,
    const int *fds, size_t count, int timeout_ms, struct error *err)
{
    char body[OFFER_BYTES];
    struct message m = {.type = MESSAGE_HANDSHAKES, .body = body, .fd_count = count};
    struct identity identity;

    memset(seen, 0, sizeof(*seen));
    if (count > HANDSHAKES_MAX || !encode_offer(offer, timeout_ms, &m, body))
        return error_set(err, "too much for one helper");
    memcpy(m.fds, fds, count * sizeof(*fds));
    if (!apart_identity(&identity, err) ||
        !helper_ask(&identity, &m, &seen->answer, timeout_ms + GRACE_MS, err))
        return false;
    if (take_all(seen, count, err))
        return true;
    handshakes_destroy(seen);
    return false;
}

void handshakes_destroy(struct handshakes *seen)
{
    helper_answer_destroy(&seen->answer);
}
