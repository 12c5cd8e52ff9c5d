#include "proxy/tls/native/hello.h"

#include <string.h>

enum {
    EXTENSIONS_MAX = 64, /* a supported client sends fewer */
    SHARES_MAX = 16, /* each is compared with the others; a supported client sends
                      * fewer */
    RENEGOTIATION_SCSV = 0x00ff, /* RFC 5746, 3.3 */
    UNCOMPRESSED = 0,
    PSK_DHE_KE = 1
};

/* RFC 8446, 4.2, and the RFCs that define the others. */
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

bool hello_lists(struct bytes list, uint16_t value)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        if ((list.at[i] << 8 | list.at[i + 1]) == value)
            return true;
    }
    return false;
}

uint16_t hello_first(struct bytes list)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        unsigned value = (unsigned)list.at[i] << 8 | list.at[i + 1];

        if (!client_hello_is_grease(value))
            return (uint16_t)value;
    }
    return 0;
}

bool hello_next_share(struct bytes *rest, uint16_t *group, struct bytes *share)
{
    uint32_t number;

    if (!bytes_number(rest, 2, &number) || !bytes_vector(rest, 2, share))
        return false;
    *group = (uint16_t)number;
    return true;
}

bool hello_next_identity(struct bytes *rest, struct bytes *identity, uint32_t *age)
{
    return bytes_vector(rest, 2, identity) && bytes_number(rest, 4, age);
}

bool hello_next_binder(struct bytes *rest, struct bytes *binder)
{
    return bytes_vector(rest, 1, binder);
}

/* The usual request for OCSP; any other type is unknown. */
static bool is_plain_status_request(struct bytes body)
{
    static const unsigned char usual[] = {1, 0, 0, 0, 0};

    return body.len > 0 &&
        (body.at[0] != usual[0] ||
            (body.len == sizeof(usual) && memcmp(body.at, usual, sizeof(usual)) == 0));
}

/* Exactly one list of numbers of two bytes, which is not empty. */
static bool is_pairs(struct bytes body, size_t len_size, struct bytes *list)
{
    return bytes_are_vector(body, len_size, list) && list->len % 2 == 0;
}

/* RFC 7301, 3.1: a name is not empty. */
static bool read_protocols(struct hello *hello, struct bytes body)
{
    struct bytes rest, name;

    if (!bytes_are_vector(body, 2, &hello->protocols))
        return false;
    rest = hello->protocols;
    while (rest.len > 0) {
        if (!bytes_vector(&rest, 1, &name) || name.len == 0)
            return false;
    }
    return true;
}

static bool read_versions(struct hello *hello, struct bytes body)
{
    struct bytes list;

    if (!is_pairs(body, 1, &list))
        return false;
    hello->offers_12 = hello_lists(list, 0x0303);
    hello->offers_13 = hello_lists(list, 0x0304);
    return true;
}

static bool is_empty_renegotiation(struct bytes body)
{
    return body.len == 1 && body.at[0] == 0;
}

static bool read_point_formats(struct hello *hello, struct bytes body)
{
    struct bytes list;

    hello->point_formats = true;
    return bytes_are_vector(body, 1, &list) && bytes_have(list, UNCOMPRESSED);
}

static bool read_psk_modes(struct hello *hello, struct bytes body)
{
    struct bytes list;

    hello->has_psk_modes = true;
    if (!bytes_are_vector(body, 1, &list))
        return false;
    hello->psk_dhe_ke = bytes_have(list, PSK_DHE_KE);
    return true;
}

/* RFC 8446, 4.2.11 */
static bool read_pre_shared_key(struct hello *hello, struct bytes body)
{
    struct bytes identity, binder, identities, binders;
    uint32_t age;

    if (!bytes_vector(&body, 2, &hello->identities) || hello->identities.len == 0)
        return false;
    hello->until_binders = (size_t)(body.at - hello->message.at);
    if (!bytes_are_vector(body, 2, &hello->binders))
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

static bool read_extension(struct hello *hello, uint32_t type, struct bytes body)
{
    struct bytes list;

    switch ((enum extension)type) {
    case SERVER_NAME: /* OpenSSL demands the same */
        return client_hello_host_name(body, &hello->host_name);
    case STATUS_REQUEST:
        return is_plain_status_request(body);
    case GROUPS:
        return is_pairs(body, 2, &hello->groups);
    case POINT_FORMATS:
        return read_point_formats(hello, body);
    case SIGNATURE_SCHEMES:
        return is_pairs(body, 2, &hello->signature_schemes);
    case PROTOCOLS:
        return read_protocols(hello, body);
    case EXTENDED_MASTER_SECRET:
        hello->extended_master_secret = true;
        return body.len == 0;
    case COMPRESS_CERTIFICATE:
        return is_pairs(body, 1, &list);
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
        return is_pairs(body, 2, &list);
    case KEY_SHARES:
        return bytes_vector(&body, 2, &hello->key_shares) && body.len == 0;
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
        return true; /* neither we nor OpenSSL use it */
    }
}

static bool read_extensions(struct hello *hello, struct bytes all)
{
    uint16_t seen[EXTENSIONS_MAX];
    size_t count = 0;
    uint16_t type = 0;
    struct bytes body;

    while (all.len > 0) {
        if (count == EXTENSIONS_MAX || !client_hello_next_extension(&all, &type, &body))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == type)
                return false;
        }
        seen[count++] = type;
        if (!read_extension(hello, type, body))
            return false;
    }
    return hello->identities.at == NULL || type == PRE_SHARED_KEY;
}

/* RFC 8446, 4.2.8: each share is of an offered group, and no group is there twice. */
static bool check_shares(const struct hello *hello)
{
    struct bytes rest = hello->key_shares, share, earlier, other;
    uint16_t group, before;

    for (size_t count = 0; rest.len > 0; count++) {
        const unsigned char *at = rest.at;

        if (count == SHARES_MAX || !hello_next_share(&rest, &group, &share) ||
            share.len == 0 || !hello_lists(hello->groups, group))
            return false;
        earlier =
            (struct bytes){hello->key_shares.at, (size_t)(at - hello->key_shares.at)};
        while (hello_next_share(&earlier, &before, &other)) {
            if (before == group)
                return false;
        }
    }
    return true;
}

static bool is_one_message(struct bytes message)
{
    struct bytes body;
    uint32_t type;

    return bytes_number(&message, 1, &type) && bytes_vector(&message, 3, &body) &&
        message.len == 0;
}

static bool is_well_formed(const struct client_hello *parts)
{
    return parts->session_id.len <= HELLO_SESSION_ID_MAX && parts->suites.len > 0 &&
        parts->suites.len % 2 == 0 && bytes_have(parts->compressions, 0) &&
        parts->extensions.len > 0 && parts->rest.len == 0;
}

bool hello_read(struct hello *hello, const unsigned char *message, size_t len)
{
    struct client_hello parts;

    memset(hello, 0, sizeof(*hello));
    hello->message = (struct bytes){message, len};
    if (!is_one_message(hello->message) ||
        !client_hello_read_message(&parts, hello->message) || !is_well_formed(&parts))
        return false;
    hello->legacy_version = parts.legacy_version;
    hello->random = parts.random.at;
    hello->session_id = parts.session_id;
    hello->suites = parts.suites;
    hello->only_null_compression = parts.compressions.len == 1;
    hello->offers_12 = parts.legacy_version >= 0x0303 && parts.legacy_version >> 8 == 3;
    hello->secure_renegotiation = hello_lists(hello->suites, RENEGOTIATION_SCSV);
    return read_extensions(hello, parts.extensions) && check_shares(hello);
}
