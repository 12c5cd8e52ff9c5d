/* Bytes as ciphertext into a TLS session. The first byte says in what portions they come;
 * with its highest bit set a real client finishes the handshake first. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "proxy/base/buffer.h"
#include "proxy/net/tls.h"

enum { PLAIN = 16 * 1024 };

static SSL_CTX *server_context, *client_context;
static char plain[PLAIN];

static void make_contexts(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    server_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server_context, x);
    SSL_CTX_use_PrivateKey(server_context, key);
    SSL_CTX_set_mode(server_context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(server_context, SSL_OP_NO_RENEGOTIATION);
    client_context = SSL_CTX_new(TLS_client_method());
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Returns what tls_read() said last. */
static int feed(struct tls *tls, const char *bytes, size_t len, size_t step)
{
    int event = TLS_NEED_INPUT;

    for (size_t at = 0; at < len && event == TLS_NEED_INPUT; at += step) {
        tls_feed(tls, bytes + at, at + step <= len ? step : len - at);
        do {
            event = tls_read(tls, plain, PLAIN);
            if (event > 0)
                tls_write(tls, plain, (size_t)event);
        } while (event > 0 || event == TLS_OPENED);
    }
    return event;
}

static void shake_hands(struct tls *tls, struct buffer *out)
{
    SSL *client = SSL_new(client_context);
    BIO *to_client = BIO_new(BIO_s_mem()), *from_client = BIO_new(BIO_s_mem());
    char *bytes;

    SSL_set_bio(client, to_client, from_client);
    SSL_set_connect_state(client);
    for (int i = 0; i < 4 && !tls_is_open(tls); i++) {
        SSL_do_handshake(client);
        long len = BIO_get_mem_data(from_client, &bytes);
        feed(tls, bytes, (size_t)len, (size_t)len + 1);
        (void)BIO_reset(from_client);
        if (buffer_len(out) > 0)
            BIO_write(to_client, buffer_data(out), (int)buffer_len(out));
        buffer_clear(out);
    }
    SSL_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out = {0};

    if (server_context == NULL)
        make_contexts();
    if (size < 1)
        return 0;
    struct tls *tls = tls_server((struct tls_context *)server_context, &out);
    if (data[0] & 0x80)
        shake_hands(tls, &out);
    feed(tls, (const char *)data + 1, size - 1, (data[0] & 0x7fu) + 1);
    if (tls_is_open(tls))
        tls_end(tls);
    tls_facts(tls);
    tls_free(tls);
    buffer_destroy(&out);
    ERR_clear_error();
    return 0;
}
