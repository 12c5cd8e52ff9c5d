/* RFC 8446, 4.1.2 and 4.2: reads a ClientHello to explain a failed handshake, and to find
 * the host name, which OpenSSL does not give for a resumed session. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/client_hello.h"
#include "proxy/tls/tls_session.h"

enum { CONTENT_HANDSHAKE = 22, RECORD_VERSION = 3 /* the type, and the version */ };

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
    struct text *text, const char *title, struct bytes list, const struct name *names)
{
    const char *separator = "";
    uint32_t value;

    add(text, " %s=", title);
    while (bytes_number(&list, 2, &value)) {
        const char *name = name_of(names, value);

        if (client_hello_is_grease(value))
            continue;
        if (name != NULL)
            add(text, "%s%s", separator, name);
        else
            add(text, "%s%u", separator, (unsigned)value);
        separator = ",";
    }
}

static void note_versions(struct tls_hello *hello, struct bytes list)
{
    uint32_t version;

    hello->tls12 = hello->older = false;
    while (bytes_number(&list, 2, &version)) {
        hello->tls13 |= version == 0x0304;
        hello->tls12 |= version == 0x0303;
        hello->older |= version >= 0x0300 && version < 0x0303;
    }
}

static void read_host_name(struct tls_hello *hello, struct bytes body)
{
    struct bytes name;

    if (!client_hello_host_name(body, &name))
        return;
    memcpy(hello->host_name, name.at, name.len);
    hello->host_name[name.len] = '\0';
}

static void read_extensions(
    struct tls_hello *hello, const struct client_hello *parts, struct text *text)
{
    const unsigned char legacy[] = {(unsigned char)(parts->legacy_version >> 8),
        (unsigned char)parts->legacy_version};
    struct bytes offered = {legacy, sizeof(legacy)}, all = parts->extensions, body;
    struct bytes group_list = {0}, sigalgs = {0};
    uint16_t type;

    while (all.len >= 4) {
        (void)client_hello_next_extension(&all, &type, &body);
        if (type == CLIENT_HELLO_SERVER_NAME)
            read_host_name(hello, body);
        else if (type == CLIENT_HELLO_GROUPS)
            (void)bytes_vector(&body, 2, &group_list);
        else if (type == CLIENT_HELLO_SIGNATURE_SCHEMES)
            (void)bytes_vector(&body, 2, &sigalgs);
        else if (type == CLIENT_HELLO_VERSIONS)
            (void)bytes_vector(&body, 1, &offered);
    }
    note_versions(hello, offered);
    hello->has_groups = group_list.len > 0;
    add_list(text, "versions", offered, versions);
    add_list(text, "groups", group_list, groups);
    add(text, " sigalgs=%zu", sigalgs.len / 2);
}

static void read_hello(struct tls_hello *hello, struct bytes message)
{
    struct text text = {hello->offered, sizeof(hello->offered)};
    struct client_hello parts;

    hello->complete = client_hello_read_message(&parts, message);
    if (!hello->complete && parts.suites.len == 0)
        return;
    add(&text, "ciphers=%zu", parts.suites.len / 2);
    read_extensions(hello, &parts, &text);
}

/* Joins handshake bytes from their records. */
static size_t join_records(struct bytes records, unsigned char *message, size_t capacity)
{
    struct bytes header, record;
    size_t used = 0;

    while (records.len > TLS_RECORD_HEADER && records.at[0] == CONTENT_HANDSHAKE) {
        (void)bytes_take(&records, RECORD_VERSION, &header);
        (void)bytes_vector(&records, 2, &record);
        size_t n = record.len < capacity - used ? record.len : capacity - used;

        memcpy(message + used, record.at, n);
        used += n;
    }
    return used;
}

void tls_hello_read(struct tls_hello *hello, const char *bytes, size_t len)
{
    unsigned char message[4096];
    const struct bytes records = {(const void *)bytes, len};

    *hello = (struct tls_hello){0};
    read_hello(
        hello, (struct bytes){message, join_records(records, message, sizeof(message))});
}
