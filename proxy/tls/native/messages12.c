#include "proxy/tls/native/messages12.h"

#include <string.h>

enum {
    VERSION = 0x0303,
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    SERVER_KEY_EXCHANGE = 12,
    SERVER_HELLO_DONE = 14,
    FINISHED = 20,
    EXTENSION_POINT_FORMATS = 11,
    EXTENSION_ALPN = 16,
    EXTENSION_EXTENDED_MASTER_SECRET = 23,
    EXTENSION_SESSION_TICKET = 35,
    EXTENSION_RENEGOTIATION_INFO = 0xff01,
    NAMED_CURVE = 3,
};

static unsigned char *put(unsigned char *at, size_t value, size_t len)
{
    for (size_t i = len; i-- > 0; value >>= 8)
        at[i] = (unsigned char)value;
    return at + len;
}

static unsigned char *put_bytes(unsigned char *at, const unsigned char *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

/* Writes the header, once the body is there. */
static size_t message(unsigned char type, unsigned char *to, const unsigned char *end)
{
    to[0] = type;
    (void)put(to + 1, (size_t)(end - to) - MESSAGE_HEADER_12, 3);
    return (size_t)(end - to);
}

static unsigned char *put_empty_extension(unsigned char *at, unsigned type)
{
    return put(put(at, type, 2), 0, 2);
}

static unsigned char *put_renegotiation_info(unsigned char *at)
{
    at = put(put(at, EXTENSION_RENEGOTIATION_INFO, 2), 1, 2);
    return put(at, 0, 1);
}

/* RFC 8422, 5.2: uncompressed points only. OpenSSL also names the compressed forms, and a
 * capable client would send them, which we do not read. */
static unsigned char *put_point_formats(unsigned char *at)
{
    static const unsigned char formats[] = {1, 0};

    at = put(put(at, EXTENSION_POINT_FORMATS, 2), sizeof(formats), 2);
    return put_bytes(at, formats, sizeof(formats));
}

static unsigned char *put_alpn(unsigned char *at, const struct server_hello_12 *hello)
{
    size_t len = hello->alpn_len;

    at = put(put(at, EXTENSION_ALPN, 2), len + 3, 2);
    return put_bytes(put(put(at, len + 1, 2), len, 1), hello->alpn, len);
}

static unsigned char *put_extensions(
    unsigned char *to, const struct server_hello_12 *hello)
{
    unsigned char *at = to + 2;

    if (hello->renegotiation)
        at = put_renegotiation_info(at);
    if (hello->point_formats)
        at = put_point_formats(at);
    if (hello->ticket)
        at = put_empty_extension(at, EXTENSION_SESSION_TICKET);
    if (hello->alpn_len > 0)
        at = put_alpn(at, hello);
    if (hello->extended_master_secret)
        at = put_empty_extension(at, EXTENSION_EXTENDED_MASTER_SECRET);
    if (at == to + 2)
        return to;
    (void)put(to, (size_t)(at - to) - 2, 2);
    return at;
}

void mark_downgrade_12(unsigned char random[RANDOM_12])
{
    static const unsigned char mark[] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};

    memcpy(random + RANDOM_12 - sizeof(mark), mark, sizeof(mark));
}

size_t server_hello_12(const struct server_hello_12 *hello, unsigned char *to)
{
    unsigned char *at = put(to + MESSAGE_HEADER_12, VERSION, 2);

    at = put_bytes(at, hello->random, RANDOM_12);
    at = put(at, hello->session_id_len, 1);
    at = put_bytes(at, hello->session_id, hello->session_id_len);
    at = put(at, hello->suite, 2);
    at = put(at, 0, 1); /* no compression */
    return message(SERVER_HELLO, to, put_extensions(at, hello));
}

size_t exchange_parameters_12(const struct key_exchange_group *group,
    const struct key_exchange_key *key, unsigned char to[PARAMETERS_12_MAX])
{
    unsigned char *at = put(put(to, NAMED_CURVE, 1), group->tls_id, 2);

    at = put(at, group->public_len, 1);
    key_exchange_encode(group, key, at);
    return (size_t)(at - to) + group->public_len;
}

size_t server_key_exchange_12(const unsigned char *parameters, size_t parameters_len,
    uint16_t scheme, const unsigned char *signature, size_t signature_len,
    unsigned char *to)
{
    unsigned char *at = put_bytes(to + MESSAGE_HEADER_12, parameters, parameters_len);

    at = put(put(at, scheme, 2), signature_len, 2);
    return message(SERVER_KEY_EXCHANGE, to, put_bytes(at, signature, signature_len));
}

size_t server_hello_done_12(unsigned char to[SERVER_HELLO_DONE_12])
{
    return message(SERVER_HELLO_DONE, to, to + MESSAGE_HEADER_12);
}

size_t new_session_ticket_12(
    uint32_t lifetime, const unsigned char *ticket, size_t len, unsigned char *to)
{
    unsigned char *at = put(to + MESSAGE_HEADER_12, lifetime, 4);

    return message(NEW_SESSION_TICKET, to, put_bytes(put(at, len, 2), ticket, len));
}

size_t finished_12(
    const unsigned char verify_data[VERIFY_DATA_12], unsigned char to[FINISHED_12])
{
    return message(
        FINISHED, to, put_bytes(to + MESSAGE_HEADER_12, verify_data, VERIFY_DATA_12));
}

bool client_key_exchange_12(
    const unsigned char *body, size_t len, const unsigned char **point, size_t *point_len)
{
    if (len < 1 || body[0] != len - 1)
        return false;
    *point = body + 1;
    *point_len = len - 1;
    return true;
}
