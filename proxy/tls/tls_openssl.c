/* The openssl engine: OpenSSL does the whole handshake and all records of a session. */
#include <stdlib.h>

#include <openssl/err.h>

#include "certstore/context.h"
#include "certstore/context_backend.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/tls/tls_openssl.h"

enum {
    RECORD_OVERHEAD = 64 /* at most, in the ciphertext of one record */
};

static SSL *ssl_of(const struct tls *tls)
{
    return ((struct tls_openssl *)tls->session)->ssl;
}

/* ERR_clear_error() walks over all entries of the queue, however many are in use. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

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

/* Called from inside engine_run(). */
static int on_keys_ready(SSL *ssl, void *tls)
{
    (void)ssl;
    ((struct tls *)tls)->keys_ready = true;
    return 1;
}

static int begin(struct tls *tls)
{
    struct tls_openssl *session = memory_new(sizeof(*session));
    BIO *bio;

    session->ssl = memory_checked(SSL_new(tls->context));
    tls->session = session;
    bio = tls_bio_new(tls);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_app_data(session->ssl, tls);
    SSL_set_info_callback(session->ssl, on_info);
    if (tls->server == NULL) {
        SSL_set_accept_state(session->ssl);
    } else {
        context_backend_begin(session->ssl, tls->server);
        SSL_set_connect_state(session->ssl);
    }
    if (engine_may_pause()) {
        SSL_set_mode(session->ssl, SSL_MODE_ASYNC);
        SSL_set_async_callback(session->ssl, on_keys_ready);
        SSL_set_async_callback_arg(session->ssl, tls);
    }
    return TLS_OPENED;
}

static void release(struct tls *tls)
{
    struct tls_openssl *session = tls->session;

    engine_abandon(session->ssl); /* or a job in progress would leak */
    SSL_free(session->ssl);
    free(session);
}

static int dead(struct tls *tls)
{
    SSL *ssl = ssl_of(tls);

    tls->dead = true;
    tls->error = ERR_peek_error();
    tls->verify_error = SSL_get_verify_result(ssl);
    tls->no_shared_group = SSL_version(ssl) >= TLS1_2_VERSION &&
        ERR_GET_REASON(tls->error) == SSL_R_NO_SHARED_CIPHER &&
        SSL_get_shared_group(ssl, -1) == 0;
    if (tls->server != NULL) {
        tls_backend_failure_tell(tls, tls->said, sizeof(tls->said));
        tls->text = tls->said;
    } else if (tls->text == NULL) {
        tls->text = ERR_reason_error_string(tls->error);
    }
    forget_errors();
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

/* Translates OpenSSL's failure into a result of tls_read(). */
static int judge(struct tls *tls, int result)
{
    tls->awaiting = false;
    switch (SSL_get_error(ssl_of(tls), result)) {
    case SSL_ERROR_WANT_READ:
        return tls_used_up(tls);
    case SSL_ERROR_WANT_ASYNC:
        tls->awaiting = true;
        return TLS_NEED_KEYS;
    case SSL_ERROR_WANT_ASYNC_JOB:
        tls->awaiting = tls->keys_ready = true; /* no job is free: it is tried again
                                                 * soon */
        return TLS_NEED_KEYS;
    case SSL_ERROR_ZERO_RETURN:
        tls->ended = true;
        return TLS_END;
    default:
        return dead(tls);
    }
}

/* For a resumed session of TLS 1.2 OpenSSL gives the name that was acknowledged in its
 * first handshake: none, because we acknowledge none. A session is resumed only under the
 * name in its ticket (certstore/session.h), so the hello's name is right. */
static void name_resumed(const struct tls *tls, struct tls_negotiated *outcome)
{
    struct tls_hello hello;

    if (!outcome->resumed || outcome->sni != NULL)
        return;
    tls_hello_read(&hello, buffer_data(&tls->hello), buffer_len(&tls->hello));
    if (hello.host_name[0] != '\0')
        outcome->sni = memory_text(hello.host_name);
}

static int handshake(struct tls *tls)
{
    struct tls_negotiated *outcome;
    SSL *ssl = ssl_of(tls);
    int result;

    forget_errors();
    tls->keys_ready = false;
    result = engine_handshake(ssl, tls->urgent);
    if (result != 1)
        return judge(tls, result);
    /* A job for each read and write would cost more than it could gain. */
    SSL_clear_mode(ssl, SSL_MODE_ASYNC);
    outcome = tls_openssl_outcome(ssl);
    name_resumed(tls, outcome);
    return tls_opened(tls, outcome);
}

static int read_some(struct tls *tls, char *plain, size_t capacity)
{
    int n;

    if (!tls->open)
        return handshake(tls);
    if (tls->in_len == 0)
        return tls_used_up(tls);
    forget_errors();
    n = SSL_read(ssl_of(tls), plain, (int)capacity);
    if (n <= 0)
        return judge(tls, n);
    tls_earn(tls, (size_t)n);
    return n;
}

static bool write_all(struct tls *tls, const char *plain, size_t len)
{
    size_t written, records = len / TLS_PLAINTEXT_MAX + 1;

    (void)buffer_reserve(tls->out, len + records * RECORD_OVERHEAD);
    forget_errors();
    /* It writes all, because the BIO takes everything. */
    if (SSL_write_ex(ssl_of(tls), plain, len, &written) == 1 && written == len)
        return true;
    (void)dead(tls);
    return false;
}

static void end(struct tls *tls)
{
    (void)SSL_shutdown(ssl_of(tls));
    forget_errors();
}

static const char *host_name(const struct tls *tls)
{
    return SSL_get_servername(ssl_of(tls), TLSEXT_NAMETYPE_host_name);
}

static SSL_CTX *context(const struct tls *tls)
{
    return SSL_get_SSL_CTX(ssl_of(tls));
}

const struct tls_engine tls_openssl = {.id = TLS_ENGINE_OPENSSL,
    .begin = begin,
    .read = read_some,
    .write = write_all,
    .end = end,
    .free = release,
    .host_name = host_name,
    .context = context};
