/*
 * handshake_rig.h - a native handshake and an OpenSSL client connected to each other,
 * with the smallest record layer of TLS 1.2 that is enough.
 */
#ifndef WLBPROXY_TESTS_HANDSHAKE_RIG_H
#define WLBPROXY_TESTS_HANDSHAKE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/native/handshake.h"
#include "tests/unit/service.h"

enum { RECORD_HEADER = 5, EXPLICIT_NONCE = 8, AAD = 13 };

struct direction {
    bool sealed;
    bool explicit_nonce;
    struct record_key key;
    unsigned char iv[RECORD_NONCE];
    unsigned char sequence; /* only few records come */
};

static struct rig {
    struct handshake_output output; /* first: of this struct */
    struct service service;
    struct handshake *handshake;
    struct buffer to_client, messages;
    struct direction in, out;
    SSL_CTX *clients;
    SSL *client;
    BIO *client_in, *client_out;
    int alert; /* sent by the client; 0: none */
    bool told;
} rig;

static void put_nonce(const struct direction *d, unsigned char *nonce)
{
    memcpy(nonce, d->iv, RECORD_NONCE);
    if (d->explicit_nonce)
        nonce[RECORD_NONCE - 1] = d->sequence;
    else
        nonce[RECORD_NONCE - 1] ^= d->sequence;
}

static void put_aad(
    const struct direction *d, unsigned char type, size_t len, unsigned char *aad)
{
    const unsigned char fixed[AAD] = {0, 0, 0, 0, 0, 0, 0, d->sequence, type, 3, 3,
        (unsigned char)(len >> 8), (unsigned char)len};

    memcpy(aad, fixed, AAD);
}

static void write_record(unsigned char type, const unsigned char *bytes, size_t len)
{
    struct direction *d = &rig.out;
    unsigned char body[20000], nonce[RECORD_NONCE], aad[AAD];
    size_t head = d->sealed && d->explicit_nonce ? EXPLICIT_NONCE : 0;
    size_t body_len = head + len + (d->sealed ? RECORD_TAG : 0);
    const unsigned char header[] = {
        type, 3, 3, (unsigned char)(body_len >> 8), (unsigned char)body_len};
    const struct record_text text = {nonce, aad, AAD, bytes, len};

    assert_true(body_len <= sizeof(body));
    memcpy(body, bytes, len);
    if (d->sealed) {
        put_nonce(d, nonce);
        put_aad(d, type, len, aad);
        memcpy(body, nonce + RECORD_NONCE - EXPLICIT_NONCE, EXPLICIT_NONCE);
        assert_true(record_seal(&d->key, &text, NULL, body + head));
        d->sequence++;
    }
    buffer_append(&rig.to_client, header, sizeof(header));
    buffer_append(&rig.to_client, body, body_len);
}

/* Decrypts in place; returns length and position of the plaintext. */
static size_t open_record(unsigned char type, unsigned char **body, size_t len)
{
    struct direction *d = &rig.in;
    size_t head = d->explicit_nonce ? EXPLICIT_NONCE : 0;
    unsigned char nonce[RECORD_NONCE], aad[AAD], plain[20000];
    struct record_text text = {nonce, aad, AAD, *body + head, len - head};

    if (!d->sealed)
        return len;
    put_nonce(d, nonce);
    put_aad(d, type, text.len - RECORD_TAG, aad);
    if (d->explicit_nonce)
        memcpy(nonce + RECORD_NONCE - EXPLICIT_NONCE, *body, EXPLICIT_NONCE);
    assert_true(record_open(&d->key, &text, plain));
    d->sequence++;
    *body += head;
    memcpy(*body, plain, text.len - RECORD_TAG);
    return text.len - RECORD_TAG;
}

static bool on_messages(
    struct handshake_output *output, const unsigned char *bytes, size_t len)
{
    assert_ptr_equal(output, &rig.output);
    write_record(SSL3_RT_HANDSHAKE, bytes, len);
    return true;
}

static bool on_change_cipher_spec(struct handshake_output *output)
{
    static const unsigned char one = 1;

    (void)output;
    write_record(SSL3_RT_CHANGE_CIPHER_SPEC, &one, 1);
    return true;
}

static void use_keys(struct direction *d, const struct handshake_keys *keys, bool seals)
{
    bool chacha = keys->suite->cipher == RECORD_CHACHA20_POLY1305;

    assert_null(keys->secret);
    record_key_init(&d->key, keys->suite->cipher, seals, keys->key);
    memset(d->iv, 0, sizeof(d->iv));
    memcpy(d->iv, keys->iv, chacha ? RECORD_NONCE : 4);
    d->explicit_nonce = !chacha;
    d->sealed = true;
}

static bool on_keys_in(struct handshake_output *output, const struct handshake_keys *keys)
{
    (void)output;
    use_keys(&rig.in, keys, false);
    return true;
}

static bool on_keys_out(
    struct handshake_output *output, const struct handshake_keys *keys)
{
    (void)output;
    use_keys(&rig.out, keys, true);
    return true;
}

static void on_told(struct handshake_output *output)
{
    (void)output;
    rig.told = true;
}

static void rig_open(const char *options, const char *kind)
{
    memset(&rig, 0, sizeof(rig));
    rig.output = (struct handshake_output){.messages = on_messages,
        .change_cipher_spec = on_change_cipher_spec,
        .keys_in = on_keys_in,
        .keys_out = on_keys_out,
        .told = on_told};
    service_engine = "native";
    service_make(&rig.service, "wlb", options, kind);
    rig.clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(rig.clients, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(rig.clients, SSL_SESS_CACHE_OFF);
}

static void rig_close(void)
{
    SSL_CTX_free(rig.clients);
    service_destroy(&rig.service);
    ERR_clear_error();
}

/* Runs the operations it waits for. */
static void settle_keys(void)
{
    while (rig.handshake != NULL && rig.handshake->state == HANDSHAKE_AWAITS_KEYS) {
        if (handshake_keys_are_ready(rig.handshake)) {
            handshake_go_on(rig.handshake);
        } else {
            rig.told = false;
            engine_run();
            assert_true(rig.told || !handshake_keys_are_ready(rig.handshake));
        }
    }
}

static size_t number(const unsigned char *at, size_t len)
{
    size_t value = 0;

    while (len-- > 0)
        value = value << 8 | *at++;
    return value;
}

/* The first message is the hello. */
static void deliver_message(const unsigned char *message, size_t len)
{
    if (rig.handshake == NULL)
        rig.handshake = handshake_begin(rig.service.context, message, len, &rig.output);
    else if (handshake_expects(rig.handshake, message[0], len - 4))
        handshake_message(rig.handshake, message, len, true);
    settle_keys();
}

static bool is_over(void)
{
    return rig.handshake != NULL && rig.handshake->state == HANDSHAKE_FAILED;
}

static void deliver_record(unsigned char type, unsigned char *body, size_t len)
{
    len = open_record(type, &body, len);
    if (type == SSL3_RT_ALERT) {
        rig.alert = body[1];
    } else if (type == SSL3_RT_CHANGE_CIPHER_SPEC) {
        handshake_change_cipher_spec(rig.handshake);
        settle_keys();
    } else {
        buffer_append(&rig.messages, body, len);
    }
    while (buffer_len(&rig.messages) >= 4 && !is_over()) {
        const unsigned char *message = (const unsigned char *)buffer_data(&rig.messages);
        size_t message_len = 4 + number(message + 1, 3);

        if (message_len > buffer_len(&rig.messages))
            break;
        deliver_message(message, message_len);
        buffer_consume(&rig.messages, message_len);
    }
}

/* Delivers bytes that the client wrote, perhaps changed by a test. */
static void deliver(unsigned char *bytes, size_t len)
{
    while (len >= RECORD_HEADER && !is_over()) {
        size_t body_len = number(bytes + 3, 2);

        assert_true(RECORD_HEADER + body_len <= len);
        deliver_record(bytes[0], bytes + RECORD_HEADER, body_len);
        bytes += RECORD_HEADER + body_len;
        len -= RECORD_HEADER + body_len;
    }
}

static void begin(void)
{
    rig.client = SSL_new(rig.clients);
    rig.client_in = BIO_new(BIO_s_mem());
    rig.client_out = BIO_new(BIO_s_mem());
    SSL_set_bio(rig.client, rig.client_in, rig.client_out);
    SSL_set_connect_state(rig.client);
}

static void run_client(void)
{
    if (buffer_len(&rig.to_client) > 0)
        BIO_write(
            rig.client_in, buffer_data(&rig.to_client), (int)buffer_len(&rig.to_client));
    buffer_clear(&rig.to_client);
    (void)SSL_do_handshake(rig.client);
}

static void take_from_client(struct buffer *bytes)
{
    char *data;
    long len = BIO_get_mem_data(rig.client_out, &data);

    buffer_clear(bytes);
    buffer_append(bytes, data, (size_t)len);
    (void)BIO_reset(rig.client_out);
}

static void settle(void)
{
    struct buffer bytes = {0};

    for (int i = 0; i < 6 && !is_over(); i++) {
        run_client();
        take_from_client(&bytes);
        deliver((unsigned char *)bytes.bytes + bytes.start, buffer_len(&bytes));
    }
    buffer_destroy(&bytes);
}

static void end(void)
{
    handshake_free(rig.handshake);
    rig.handshake = NULL;
    if (rig.in.sealed)
        record_key_destroy(&rig.in.key);
    if (rig.out.sealed)
        record_key_destroy(&rig.out.key);
    memset(&rig.in, 0, sizeof(rig.in));
    memset(&rig.out, 0, sizeof(rig.out));
    buffer_destroy(&rig.to_client);
    buffer_destroy(&rig.messages);
    SSL_set_shutdown(rig.client, SSL_SENT_SHUTDOWN); /* otherwise its session would be
                                                      * invalid */
    SSL_free(rig.client);
    rig.client = NULL;
    rig.alert = 0;
    ERR_clear_error();
}

#endif
