/* Bytes as ciphertext into a TLS session. The first byte gives the size of the pieces.
 * Its highest bit: a real client finishes the handshake first. The next one: the bytes
 * are sealed by that client, if we make the records (type, length, text, and so on). The
 * third: TLS 1.2. The fourth: the real client sends only its hello, and the bytes follow
 * it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/tls.h"
#include "tests/unit/service.h"
#include "tests/unit/tls_forger.h"

enum {
    PLAIN = 64 * 1024,
    SHAKES_HANDS = 0x80,
    SEALS = 0x40,
    IS_OLD = 0x20,
    SAYS_HELLO = 0x10,
    STEP = 0x0f
};

static struct service service;
static SSL_CTX *client_context;
static char plain[PLAIN];

static void start(void)
{
    struct error err;

    if (!engine_start(ENGINE_AUTO, &err))
        abort();
    service_engine = "native";
    service_make(&service, "wlb", "", "P-256");
    client_context = SSL_CTX_new(TLS_client_method());
}

/* Returns the last result of tls_read(). */
static int feed(struct tls *tls, const char *bytes, size_t len, size_t step)
{
    int event = TLS_NEED_INPUT;

    for (size_t at = 0; at < len && event == TLS_NEED_INPUT; at += step) {
        tls_feed(tls, bytes + at, at + step <= len ? step : len - at);
        do {
            event = tls_read(tls, plain, PLAIN);
            if (event > 0)
                tls_write(tls, plain, (size_t)event);
            if (event == TLS_NEED_KEYS)
                engine_run();
        } while (event > 0 || event == TLS_OPENED || event == TLS_NEED_KEYS);
    }
    return event;
}

static void shake_hands(struct tls *tls, struct buffer *out, int version, int rounds)
{
    SSL *client = SSL_new(client_context);
    BIO *to_client = BIO_new(BIO_s_mem()), *from_client = BIO_new(BIO_s_mem());
    char *bytes;

    SSL_set_bio(client, to_client, from_client);
    SSL_set_connect_state(client);
    SSL_set_max_proto_version(client, version);
    for (int i = 0; i < rounds && !tls->open; i++) {
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

static void feed_sealed(struct tls *tls, const uint8_t *data, size_t size, size_t step)
{
    struct forger forger;
    int event = TLS_NEED_INPUT;

    forger_init(&forger, tls);
    while (size >= 2 && event == TLS_NEED_INPUT) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;

        buffer_clear(&forger.out);
        tls_seal(&forger.tls, data[0], data + 2, len);
        event = feed(tls, buffer_data(&forger.out), buffer_len(&forger.out), step);
        data += 2 + len;
        size -= 2 + len;
    }
    forger_destroy(&forger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out = {0};

    if (service.context == NULL)
        start();
    if (size < 1)
        return 0;
    struct tls *tls = tls_server((struct tls_context *)service.context, &out);
    if (data[0] & (SHAKES_HANDS | SAYS_HELLO))
        shake_hands(tls, &out, data[0] & IS_OLD ? TLS1_2_VERSION : TLS1_3_VERSION,
            data[0] & SAYS_HELLO ? 1 : 4);
    if (data[0] & SEALS && tls->engine == &tls_native)
        feed_sealed(tls, data + 1, size - 1, (data[0] & STEP) + 1);
    else
        feed(tls, (const char *)data + 1, size - 1, (data[0] & STEP) + 1);
    if (tls->open)
        tls_end(tls);
    tls_info(tls);
    tls_free(tls);
    buffer_destroy(&out);
    ERR_clear_error();
    return 0;
}
