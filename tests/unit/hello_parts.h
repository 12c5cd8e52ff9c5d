/*
 * hello_parts.h - a recorded ClientHello in parts, to be put together in another way.
 */
#ifndef WLBPROXY_TESTS_HELLO_PARTS_H
#define WLBPROXY_TESTS_HELLO_PARTS_H

#include "tests/unit/differential_rig.h"

enum { HELLO_MAX = 4096, EXTENSIONS = 32 };

struct recorded {
    unsigned char record[HELLO_MAX];
    size_t len;
};

/* Records the client's first message. */
static inline struct recorded record_hello(SSL *ssl)
{
    struct recorded recorded = {.len = 0};
    char *bytes;

    (void)SSL_do_handshake(ssl);
    recorded.len = (size_t)BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
    assert_true(recorded.len <= HELLO_MAX);
    memcpy(recorded.record, bytes, recorded.len);
    return recorded;
}

struct octets {
    const char *at;
    size_t len;
};
#define BYTES(text)                                                                      \
    {                                                                                    \
        text, sizeof(text) - 1                                                           \
    }

struct parts {
    unsigned char version[2], random[32];
    struct buffer id, suites, compressions;
    struct buffer extensions[EXTENSIONS]; /* type and body */
    size_t count;
    bool without; /* no extensions at all */
};

static inline void swap_extensions(struct buffer *a, struct buffer *b)
{
    struct buffer other = *a;

    *a = *b;
    *b = other;
}

static const unsigned char *cut(
    const unsigned char *at, size_t len_bytes, struct buffer *vector)
{
    size_t len = number(at, len_bytes);

    buffer_append(vector, at + len_bytes, len);
    return at + len_bytes + len;
}

static struct parts take_apart(const struct recorded *r)
{
    struct parts parts = {.count = 0};
    const unsigned char *at = r->record + RECORD_HEADER + 4, *end = r->record + r->len;

    memcpy(parts.version, at, 2);
    memcpy(parts.random, at + 2, 32);
    at = cut(at + 34, 1, &parts.id);
    at = cut(at, 2, &parts.suites);
    at = cut(at, 1, &parts.compressions) + 2;
    while (at < end) {
        struct buffer *extension = &parts.extensions[parts.count++];

        buffer_append(extension, at, 2);
        at = cut(at + 2, 2, extension);
    }
    return parts;
}

static void free_parts(struct parts *parts)
{
    buffer_destroy(&parts->id);
    buffer_destroy(&parts->suites);
    buffer_destroy(&parts->compressions);
    for (size_t i = 0; i < EXTENSIONS; i++)
        buffer_destroy(&parts->extensions[i]);
}

static void put_number(struct buffer *to, size_t value, size_t len)
{
    while (len-- > 0) {
        const unsigned char byte = (unsigned char)(value >> 8 * len);

        buffer_append(to, &byte, 1);
    }
}

static void put_vector(struct buffer *to, const struct buffer *vector, size_t len_bytes)
{
    put_number(to, buffer_len(vector), len_bytes);
    buffer_append(to, buffer_data(vector), buffer_len(vector));
}

static void put_extensions(struct buffer *to, const struct parts *parts)
{
    struct buffer all = {0};

    if (parts->without)
        return;
    for (size_t i = 0; i < parts->count; i++) {
        const char *bytes = buffer_data(&parts->extensions[i]);
        size_t len = buffer_len(&parts->extensions[i]) - 2;

        buffer_append(&all, bytes, 2);
        put_number(&all, len, 2);
        buffer_append(&all, bytes + 2, len);
    }
    put_vector(to, &all, 2);
    buffer_destroy(&all);
}

/* Replaces the extension of that type, or adds it at the end. */
static void put_in(struct parts *parts, struct octets extension)
{
    size_t i = 0, last = parts->count;

    while (i < last && memcmp(buffer_data(&parts->extensions[i]), extension.at, 2) != 0)
        i++;
    if (i == last)
        parts->count++;
    buffer_clear(&parts->extensions[i]);
    buffer_append(&parts->extensions[i], extension.at, extension.len);
}

/* Makes one record of it. */
static void put_together(const struct parts *parts, struct buffer *record)
{
    struct buffer body = {0};

    buffer_append(&body, parts->version, 2);
    buffer_append(&body, parts->random, 32);
    put_vector(&body, &parts->id, 1);
    put_vector(&body, &parts->suites, 2);
    put_vector(&body, &parts->compressions, 1);
    put_extensions(&body, parts);
    buffer_append(record, "\x16\3\1", 3);
    put_number(record, buffer_len(&body) + 4, 2);
    put_number(record, 1, 1);
    put_vector(record, &body, 3);
    buffer_destroy(&body);
}

#endif
