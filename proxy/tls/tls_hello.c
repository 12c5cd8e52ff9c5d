/* RFC 8446, 4.1.2 and 4.2: read only to explain a handshake that failed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/tls/tls_session.h"

enum {
    CONTENT_HANDSHAKE = 22,
    CLIENT_HELLO = 1,
    EXTENSION_GROUPS = 10,
    EXTENSION_SIGALGS = 13,
    EXTENSION_VERSIONS = 43,
    RANDOM_LEN = 32,
};

/* Bytes left to read; once too few were left, `bad` stays. */
struct cursor {
    const unsigned char *at, *end;
    bool bad;
};

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static uint32_t number(struct cursor *c, unsigned bytes)
{
    uint32_t value = 0;

    if (left(c) < bytes) {
        c->bad = true;
        c->at = c->end;
        return 0;
    }
    while (bytes-- > 0)
        value = value << 8 | *c->at++;
    return value;
}

/* The vector whose length stands in the next `bytes` bytes; what there is of it. */
static struct cursor vector(struct cursor *c, unsigned bytes)
{
    size_t len = number(c, bytes);
    struct cursor inner = {.at = c->at, .bad = len > left(c)};

    c->bad |= inner.bad;
    inner.end = inner.at + (inner.bad ? left(c) : len);
    c->at = inner.end;
    return inner;
}

struct name {
    uint32_t number;
    const char *text;
};

static const struct name versions[] = {{0x0300, "ssl3"}, {0x0301, "1.0"}, {0x0302, "1.1"},
    {0x0303, "1.2"}, {0x0304, "1.3"}, {0}};

static const struct name groups[] = {{23, "P-256"}, {24, "P-384"}, {25, "P-521"},
    {29, "X25519"}, {30, "X448"}, {256, "ffdhe2048"}, {257, "ffdhe3072"},
    {258, "ffdhe4096"}, {259, "ffdhe6144"}, {260, "ffdhe8192"},
    {4587, "SecP256r1MLKEM768"}, {4588, "X25519MLKEM768"}, {4589, "SecP384r1MLKEM1024"},
    {0x6399, "X25519Kyber768Draft00"}, {0}};

static const char *name_of(const struct name *names, uint32_t number)
{
    for (; names->text != NULL; names++)
        if (names->number == number)
            return names->text;
    return NULL;
}

/* RFC 8701: values that mean nothing, sent to keep servers tolerant. */
static bool is_grease(uint32_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

struct text {
    char *at;
    size_t room;
};

__attribute__((format(printf, 2, 3))) static void add(
    struct text *text, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(text->at, text->room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= text->room)
        n = (int)text->room - 1;
    text->at += n;
    text->room -= (size_t)n;
}

static void add_list(
    struct text *text, const char *title, struct cursor list, const struct name *names)
{
    const char *separator = "";

    add(text, " %s=", title);
    while (left(&list) >= 2) {
        uint32_t value = number(&list, 2);
        const char *name = name_of(names, value);

        if (is_grease(value))
            continue;
        if (name != NULL)
            add(text, "%s%s", separator, name);
        else
            add(text, "%s%u", separator, (unsigned)value);
        separator = ",";
    }
}

static void note_versions(struct tls_hello *hello, struct cursor list)
{
    hello->tls12 = hello->older = false;
    while (left(&list) >= 2) {
        uint32_t version = number(&list, 2);

        hello->tls13 |= version == 0x0304;
        hello->tls12 |= version == 0x0303;
        hello->older |= version >= 0x0300 && version < 0x0303;
    }
}

static void read_extensions(
    struct tls_hello *hello, struct cursor *c, uint32_t legacy_version, struct text *text)
{
    static unsigned char legacy[2];
    struct cursor offered = {.at = legacy, .end = legacy + 2}, all = vector(c, 2);
    struct cursor group_list = {0}, sigalgs = {0};

    legacy[0] = (unsigned char)(legacy_version >> 8);
    legacy[1] = (unsigned char)legacy_version;
    while (left(&all) >= 4) {
        uint32_t type = number(&all, 2);
        struct cursor body = vector(&all, 2);

        if (type == EXTENSION_GROUPS)
            group_list = vector(&body, 2);
        else if (type == EXTENSION_SIGALGS)
            sigalgs = vector(&body, 2);
        else if (type == EXTENSION_VERSIONS)
            offered = vector(&body, 1);
    }
    note_versions(hello, offered);
    hello->has_groups = left(&group_list) > 0;
    add_list(text, "versions", offered, versions);
    add_list(text, "groups", group_list, groups);
    add(text, " sigalgs=%zu", left(&sigalgs) / 2);
}

static void read_hello(struct tls_hello *hello, struct cursor *c)
{
    struct text text = {hello->offered, sizeof(hello->offered)};

    if (number(c, 1) != CLIENT_HELLO)
        return;
    struct cursor body = vector(c, 3);
    uint32_t legacy_version = number(&body, 2);
    for (int i = 0; i < RANDOM_LEN; i++)
        number(&body, 1);
    vector(&body, 1); /* session id */
    struct cursor ciphers = vector(&body, 2);
    vector(&body, 1); /* compression methods */
    if (body.bad && left(&ciphers) == 0)
        return;
    add(&text, "ciphers=%zu", left(&ciphers) / 2);
    read_extensions(hello, &body, legacy_version, &text);
    hello->complete = !body.bad;
}

/* Handshake bytes out of the records they came in. */
static size_t join_records(
    const char *bytes, size_t len, unsigned char *message, size_t capacity)
{
    struct cursor c = {
        .at = (const void *)bytes, .end = (const unsigned char *)bytes + len};
    size_t used = 0;

    while (left(&c) > 5 && *c.at == CONTENT_HANDSHAKE) {
        number(&c, 3);
        struct cursor record = vector(&c, 2);
        size_t n = left(&record) < capacity - used ? left(&record) : capacity - used;

        memcpy(message + used, record.at, n);
        used += n;
    }
    return used;
}

void tls_hello_read(struct tls_hello *hello, const char *bytes, size_t len)
{
    unsigned char message[4096];
    struct cursor c = {.at = message};

    *hello = (struct tls_hello){0};
    c.end = message + join_records(bytes, len, message, sizeof(message));
    if (left(&c) > 0)
        read_hello(hello, &c);
}
