#include "proxy/handshake/hello.h"

#include <string.h>

enum {
    CLIENT_HELLO = 1,
    MESSAGE_HEADER = 4,
    RENEGOTIATION_SCSV = 0x00ff, /* RFC 5746, 3.3 */
    EXTENSIONS_MAX = 64, /* more is no usual client */
    KIND_HOST_NAME = 0,
    UNCOMPRESSED = 0,
    PSK_DHE_KE = 1
};

/* RFC 8446, 4.2, and whoever else named them. */
enum extension {
    SERVER_NAME = 0,
    MAX_FRAGMENT_LENGTH = 1,
    STATUS_REQUEST = 5,
    GROUPS = 10,
    POINT_FORMATS = 11,
    SRP = 12,
    SIGNATURE_SCHEMES = 13,
    USE_SRTP = 14,
    HEARTBEAT = 15,
    PROTOCOLS = 16,
    CLIENT_CERTIFICATE_TYPE = 19,
    SERVER_CERTIFICATE_TYPE = 20,
    EXTENDED_MASTER_SECRET = 23,
    COMPRESS_CERTIFICATE = 27,
    RECORD_SIZE_LIMIT = 28,
    SESSION_TICKET = 35,
    PRE_SHARED_KEY = 41,
    EARLY_DATA = 42,
    VERSIONS = 43,
    COOKIE = 44,
    PSK_MODES = 45,
    CERTIFICATE_AUTHORITIES = 47,
    POST_HANDSHAKE_AUTH = 49,
    CERTIFICATE_SCHEMES = 50,
    KEY_SHARES = 51,
    NEXT_PROTOCOL = 13172,
    CRYPTOPRO = 65000,
    RENEGOTIATION_INFO = 0xff01
};

/* Takes a number of that many bytes off the front. */
static bool take_number(struct span *from, unsigned bytes, uint32_t *value)
{
    if (from->len < bytes)
        return false;
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | from->at[i];
    from->at += bytes;
    from->len -= bytes;
    return true;
}

static bool take_bytes(struct span *from, size_t len, struct span *taken)
{
    if (from->len < len)
        return false;
    *taken = (struct span){from->at, len};
    from->at += len;
    from->len -= len;
    return true;
}

/* A vector whose length stands before it in so many bytes. */
static bool take_vector(struct span *from, unsigned len_bytes, struct span *taken)
{
    uint32_t len;

    return take_number(from, len_bytes, &len) && take_bytes(from, len, taken);
}

/* Nothing but one vector, and something in it. */
static bool only_vector(struct span from, unsigned len_bytes, struct span *taken)
{
    return take_vector(&from, len_bytes, taken) && from.len == 0 && taken->len > 0;
}

static bool only_pairs(struct span from, unsigned len_bytes, struct span *taken)
{
    return only_vector(from, len_bytes, taken) && taken->len % 2 == 0;
}

static bool has_byte(struct span list, unsigned char value)
{
    return memchr(list.at, value, list.len) != NULL;
}

bool hello_lists(struct span list, uint16_t value)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        if ((list.at[i] << 8 | list.at[i + 1]) == value)
            return true;
    }
    return false;
}

static bool is_grease(unsigned value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

uint16_t hello_first(struct span list)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        unsigned value = (unsigned)list.at[i] << 8 | list.at[i + 1];

        if (!is_grease(value))
            return (uint16_t)value;
    }
    return 0;
}

bool hello_next_share(struct span *rest, uint16_t *group, struct span *share)
{
    uint32_t number;

    if (!take_number(rest, 2, &number) || !take_vector(rest, 2, share))
        return false;
    *group = (uint16_t)number;
    return true;
}

bool hello_next_identity(struct span *rest, struct span *identity, uint32_t *age)
{
    return take_vector(rest, 2, identity) && take_number(rest, 4, age);
}

bool hello_next_binder(struct span *rest, struct span *binder)
{
    return take_vector(rest, 1, binder);
}

/* RFC 6066, 3, as OpenSSL wants it. */
static bool read_server_name(struct hello *hello, struct span body)
{
    struct span list;
    uint32_t kind;

    return only_vector(body, 2, &list) && take_number(&list, 1, &kind) &&
        kind == KIND_HOST_NAME && only_vector(list, 2, &hello->host_name) &&
        hello->host_name.len <= HELLO_NAME_MAX && !has_byte(hello->host_name, '\0');
}

/* The usual request for OCSP, or for something that nobody has. */
static bool is_plain_status_request(struct span body)
{
    static const unsigned char usual[] = {1, 0, 0, 0, 0};

    return body.len > 0 &&
        (body.at[0] != usual[0] ||
            (body.len == sizeof(usual) && memcmp(body.at, usual, sizeof(usual)) == 0));
}

/* RFC 7301, 3.1: no name is empty. */
static bool read_protocols(struct hello *hello, struct span body)
{
    struct span rest, name;

    if (!only_vector(body, 2, &hello->protocols))
        return false;
    rest = hello->protocols;
    while (rest.len > 0) {
        if (!take_vector(&rest, 1, &name) || name.len == 0)
            return false;
    }
    return true;
}

static bool read_versions(struct hello *hello, struct span body)
{
    struct span list;

    if (!only_pairs(body, 1, &list))
        return false;
    hello->offers_12 = hello_lists(list, 0x0303);
    hello->offers_13 = hello_lists(list, 0x0304);
    return true;
}

static bool is_empty_renegotiation(struct span body)
{
    return body.len == 1 && body.at[0] == 0;
}

static bool read_point_formats(struct hello *hello, struct span body)
{
    struct span list;

    hello->point_formats = true;
    return only_vector(body, 1, &list) && has_byte(list, UNCOMPRESSED);
}

static bool read_psk_modes(struct hello *hello, struct span body)
{
    struct span list;

    hello->has_psk_modes = true;
    if (!only_vector(body, 1, &list))
        return false;
    hello->psk_dhe_ke = has_byte(list, PSK_DHE_KE);
    return true;
}

/* RFC 8446, 4.2.11 */
static bool read_pre_shared_key(struct hello *hello, struct span body)
{
    struct span identity, binder, identities, binders;
    uint32_t age;

    if (!take_vector(&body, 2, &hello->identities) || hello->identities.len == 0)
        return false;
    hello->until_binders = (size_t)(body.at - hello->message.at);
    if (!only_vector(body, 2, &hello->binders))
        return false;
    identities = hello->identities;
    binders = hello->binders;
    while (identities.len > 0) {
        if (!hello_next_identity(&identities, &identity, &age) || identity.len == 0 ||
            !hello_next_binder(&binders, &binder))
            return false;
    }
    return binders.len == 0;
}

static bool read_extension(struct hello *hello, uint32_t type, struct span body)
{
    struct span list;

    switch ((enum extension)type) {
    case SERVER_NAME:
        return read_server_name(hello, body);
    case STATUS_REQUEST:
        return is_plain_status_request(body);
    case GROUPS:
        return only_pairs(body, 2, &hello->groups);
    case POINT_FORMATS:
        return read_point_formats(hello, body);
    case SIGNATURE_SCHEMES:
        return only_pairs(body, 2, &hello->signature_schemes);
    case PROTOCOLS:
        return read_protocols(hello, body);
    case EXTENDED_MASTER_SECRET:
        hello->extended_master_secret = true;
        return body.len == 0;
    case COMPRESS_CERTIFICATE:
        return only_pairs(body, 1, &list);
    case RECORD_SIZE_LIMIT:
        hello->has_record_size_limit = true;
        return body.len == 2;
    case SESSION_TICKET:
        hello->ticket = body;
        return true;
    case PRE_SHARED_KEY:
        return read_pre_shared_key(hello, body);
    case VERSIONS:
        return read_versions(hello, body);
    case PSK_MODES:
        return read_psk_modes(hello, body);
    case POST_HANDSHAKE_AUTH:
        return body.len == 0;
    case CERTIFICATE_SCHEMES:
        hello->has_certificate_schemes = true;
        return only_pairs(body, 2, &list);
    case KEY_SHARES:
        return take_vector(&body, 2, &hello->key_shares) && body.len == 0;
    case RENEGOTIATION_INFO:
        hello->secure_renegotiation = true;
        return is_empty_renegotiation(body);
    case MAX_FRAGMENT_LENGTH:
    case SRP:
    case USE_SRTP:
    case HEARTBEAT:
    case CLIENT_CERTIFICATE_TYPE:
    case SERVER_CERTIFICATE_TYPE:
    case EARLY_DATA:
    case COOKIE:
    case CERTIFICATE_AUTHORITIES:
    case NEXT_PROTOCOL:
    case CRYPTOPRO:
        return false;
    default:
        return true; /* of no meaning to us nor to OpenSSL */
    }
}

static bool read_extensions(struct hello *hello, struct span all)
{
    uint16_t seen[EXTENSIONS_MAX];
    size_t count = 0;
    uint32_t type;
    struct span body;

    while (all.len > 0) {
        if (count == EXTENSIONS_MAX || !take_number(&all, 2, &type) ||
            !take_vector(&all, 2, &body))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == type)
                return false;
        }
        seen[count++] = (uint16_t)type;
        if (!read_extension(hello, type, body))
            return false;
    }
    return hello->identities.at == NULL || seen[count - 1] == PRE_SHARED_KEY;
}

/* RFC 8446, 4.2.8: each is of an offered group, and none is there twice. */
static bool check_shares(const struct hello *hello)
{
    struct span rest = hello->key_shares, share, earlier, other;
    uint16_t group, before;

    while (rest.len > 0) {
        const unsigned char *at = rest.at;

        if (!hello_next_share(&rest, &group, &share) || share.len == 0 ||
            !hello_lists(hello->groups, group))
            return false;
        earlier =
            (struct span){hello->key_shares.at, (size_t)(at - hello->key_shares.at)};
        while (hello_next_share(&earlier, &before, &other)) {
            if (before == group)
                return false;
        }
    }
    return true;
}

static bool read_body(struct hello *hello, struct span body)
{
    struct span random, compression, extensions;
    uint32_t version;

    if (!take_number(&body, 2, &version) || !take_bytes(&body, HELLO_RANDOM, &random) ||
        !take_vector(&body, 1, &hello->session_id) ||
        hello->session_id.len > HELLO_SESSION_ID_MAX ||
        !take_vector(&body, 2, &hello->suites) || hello->suites.len == 0 ||
        hello->suites.len % 2 != 0 || !take_vector(&body, 1, &compression) ||
        !has_byte(compression, 0) || !only_vector(body, 2, &extensions))
        return false;
    hello->legacy_version = (uint16_t)version;
    hello->random = random.at;
    hello->only_null_compression = compression.len == 1;
    hello->offers_12 = version >= 0x0303 && version >> 8 == 3;
    hello->secure_renegotiation = hello_lists(hello->suites, RENEGOTIATION_SCSV);
    return read_extensions(hello, extensions) && check_shares(hello);
}

bool hello_read(struct hello *hello, const unsigned char *message, size_t len)
{
    struct span all = {message, len}, body;
    uint32_t type;

    memset(hello, 0, sizeof(*hello));
    hello->message = all;
    return take_number(&all, 1, &type) && type == CLIENT_HELLO &&
        take_vector(&all, 3, &body) && all.len == 0 && read_body(hello, body);
}
