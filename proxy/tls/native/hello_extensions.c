#include <string.h>

#include "proxy/tls/native/hello_parts.h"
#include "proxy/tls/native/span.h"

enum {
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

/* RFC 6066, 3, as OpenSSL wants it. */
static bool read_server_name(struct hello *hello, struct span body)
{
    struct span list;
    uint32_t kind;

    return span_is_vector(body, 2, &list) && span_number(&list, 1, &kind) &&
        kind == KIND_HOST_NAME && span_is_vector(list, 2, &hello->host_name) &&
        hello->host_name.len <= HELLO_NAME_MAX && !span_has_byte(hello->host_name, '\0');
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

    if (!span_is_vector(body, 2, &hello->protocols))
        return false;
    rest = hello->protocols;
    while (rest.len > 0) {
        if (!span_vector(&rest, 1, &name) || name.len == 0)
            return false;
    }
    return true;
}

static bool read_versions(struct hello *hello, struct span body)
{
    struct span list;

    if (!span_is_pairs(body, 1, &list))
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
    return span_is_vector(body, 1, &list) && span_has_byte(list, UNCOMPRESSED);
}

static bool read_psk_modes(struct hello *hello, struct span body)
{
    struct span list;

    hello->has_psk_modes = true;
    if (!span_is_vector(body, 1, &list))
        return false;
    hello->psk_dhe_ke = span_has_byte(list, PSK_DHE_KE);
    return true;
}

/* RFC 8446, 4.2.11 */
static bool read_pre_shared_key(struct hello *hello, struct span body)
{
    struct span identity, binder, identities, binders;
    uint32_t age;

    if (!span_vector(&body, 2, &hello->identities) || hello->identities.len == 0)
        return false;
    hello->until_binders = (size_t)(body.at - hello->message.at);
    if (!span_is_vector(body, 2, &hello->binders))
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
        return span_is_pairs(body, 2, &hello->groups);
    case POINT_FORMATS:
        return read_point_formats(hello, body);
    case SIGNATURE_SCHEMES:
        return span_is_pairs(body, 2, &hello->signature_schemes);
    case PROTOCOLS:
        return read_protocols(hello, body);
    case EXTENDED_MASTER_SECRET:
        hello->extended_master_secret = true;
        return body.len == 0;
    case COMPRESS_CERTIFICATE:
        return span_is_pairs(body, 1, &list);
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
        return span_is_pairs(body, 2, &list);
    case KEY_SHARES:
        return span_vector(&body, 2, &hello->key_shares) && body.len == 0;
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

bool hello_read_extensions(struct hello *hello, struct span all)
{
    uint16_t seen[EXTENSIONS_MAX];
    size_t count = 0;
    uint32_t type = 0;
    struct span body;

    while (all.len > 0) {
        if (count == EXTENSIONS_MAX || !span_number(&all, 2, &type) ||
            !span_vector(&all, 2, &body))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == type)
                return false;
        }
        seen[count++] = (uint16_t)type;
        if (!read_extension(hello, type, body))
            return false;
    }
    return hello->identities.at == NULL || type == PRE_SHARED_KEY;
}
