/*
 * hello_rig.h - ClientHellos of OpenSSL's client, which tests change, and the answers of
 * our two servers as a line of text: the ServerHello without its random parts, or the
 * alert.
 */
#ifndef WLBPROXY_TESTS_HELLO_RIG_H
#define WLBPROXY_TESTS_HELLO_RIG_H

#include "tests/unit/hello_parts.h"

/* ClientHellos of OpenSSL's client, recorded once. */
static const struct kind {
    const char *name;
    int most; /* version */
    const char *groups, *ciphers, *suites;
    bool named;
} kinds[] = {
    {"usual", TLS1_3_VERSION, "X25519:P-256:P-384", NULL, NULL, false},
    {"1.2", TLS1_2_VERSION, "X25519:P-256:P-384", NULL, NULL, false},
    {"xapi", TLS1_2_VERSION, "P-384", "ECDHE-RSA-AES256-GCM-SHA384:AES256-GCM-SHA384",
        NULL, false},
    {"named", TLS1_3_VERSION, "P-256:X25519:P-521", NULL,
        "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", true},
    {"1.2 named", TLS1_2_VERSION, "P-256:P-384:X448", "CHACHA20:ECDHE+AESGCM:AES128-SHA",
        NULL, true},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct recorded recorded[KINDS];

static SSL *client_of(const struct kind *kind, SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);

    SSL_set_max_proto_version(ssl, kind->most);
    assert_int_equal(SSL_set1_groups_list(ssl, kind->groups), 1);
    if (kind->ciphers != NULL)
        assert_int_equal(SSL_set_cipher_list(ssl, kind->ciphers), 1);
    if (kind->suites != NULL)
        assert_int_equal(SSL_set_ciphersuites(ssl, kind->suites), 1);
    if (kind->named) {
        SSL_set_tlsext_host_name(ssl, "wlb.example");
        SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2\x08http/1.1", 12);
    }
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    return ssl;
}

/* Also makes keys; the setup of a group of tests. */
static inline int record_hellos(void **state)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    for (size_t i = 0; i < KINDS; i++) {
        SSL *ssl = client_of(&kinds[i], context);

        recorded[i] = record_hello(ssl);
        SSL_free(ssl);
    }
    SSL_CTX_free(context);
    return make_service_keys(state);
}

struct text {
    char bytes[LINE_MAX_LEN];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(
    struct text *text, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text->len += (size_t)vsnprintf(
        text->bytes + text->len, sizeof(text->bytes) - text->len, fmt, args);
    va_end(args);
    if (text->len >= sizeof(text->bytes))
        text->len = sizeof(text->bytes) - 1;
}

static void describe_extensions(
    struct text *text, const unsigned char *at, const unsigned char *end)
{
    for (at += 2; at + 4 <= end; at += 4 + number(at + 2, 2)) {
        size_t type = number(at, 2), len = number(at + 2, 2);

        add(text, " %zu", type);
        /* OpenSSL names more point formats (11) than it needs to. */
        if (type == 51 || (len <= 12 && type != 41 && type != 11)) {
            add(text, ":");
            for (size_t i = 0; i < len && i < (type == 51 ? 4 : 12); i++)
                add(text, "%02x", at[4 + i]);
        }
    }
}

static void describe_server_hello(
    struct text *text, const unsigned char *body, size_t len)
{
    size_t id_len = body[34];
    const unsigned char *rest = body + 35 + id_len;

    add(text, " hello %02x%02x%s id=%zu suite=%02x%02x", body[0], body[1],
        memcmp(body + 26, "DOWNGRD", 7) == 0 ? " downgrade" : "", id_len, rest[0],
        rest[1]);
    describe_extensions(text, rest + 3, body + len);
}

static void describe_message(struct text *text, const unsigned char *message, size_t len)
{
    const unsigned char *body = message + 4;

    if (message[0] == 2)
        describe_server_hello(text, body, len - 4);
    else if (message[0] == 12)
        add(text, " curve=%zu scheme=%04zx", number(body + 1, 2),
            number(body + 4 + body[3], 2));
    else
        add(text, " %u", message[0]);
}

/* The messages are in the clear; their records may be cut anywhere. */
static void describe_flight(struct text *text)
{
    const unsigned char *at = (const unsigned char *)buffer_data(&side.out);
    const unsigned char *end = at + buffer_len(&side.out);
    struct buffer messages = {0};
    size_t used = 0;

    for (; at + RECORD_HEADER <= end && at[0] == SSL3_RT_HANDSHAKE;
         at += RECORD_HEADER + number(at + 3, 2))
        buffer_append(&messages, at + RECORD_HEADER, number(at + 3, 2));
    while (used + 4 <= buffer_len(&messages)) {
        const unsigned char *message =
            (const unsigned char *)buffer_data(&messages) + used;
        size_t len = 4 + number(message + 1, 3);

        describe_message(text, message, len);
        used += len;
    }
    if (at + RECORD_HEADER <= end)
        add(text, " then %u", at[0]);
    buffer_destroy(&messages);
}

static void try(const char *name, const unsigned char *record, size_t len)
{
    struct text text = {.len = 0};

    side_begin();
    side_feed(record, len);
    add(&text, "%d alert=%d", side.code, side.tls->alert_sent);
    describe_flight(&text);
    note(name, text.bytes);
    side_end();
}

static inline void try_parts(const char *name, const struct parts *parts)
{
    struct buffer record = {0};

    put_together(parts, &record);
    try(name, (const unsigned char *)buffer_data(&record), buffer_len(&record));
    buffer_destroy(&record);
}

static const struct meant nothing[] = {{0}};

#endif
