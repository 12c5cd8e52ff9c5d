#include "proxy/tls/native/messages13.h"

#include <string.h>

enum {
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE_VERIFY = 15,
    FINISHED = 20,
    EXTENSION_GROUPS = 10,
    EXTENSION_PROTOCOLS = 16,
    EXTENSION_PRE_SHARED_KEY = 41,
    EXTENSION_VERSIONS = 43,
    EXTENSION_KEY_SHARE = 51
};

static unsigned char *put(unsigned char *at, size_t value, size_t len)
{
    for (size_t i = len; i-- > 0; value >>= 8)
        at[i] = (unsigned char)value;
    return at + len;
}

static unsigned char *put_bytes(unsigned char *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

/* Writes the length before a vector, once the vector is there. */
static unsigned char *end_vector(
    unsigned char *len_at, size_t len_len, unsigned char *end)
{
    (void)put(len_at, (size_t)(end - len_at) - len_len, len_len);
    return end;
}

static size_t end_message(unsigned char type, unsigned char *to, unsigned char *end)
{
    to[0] = type;
    (void)end_vector(to + 1, 3, end);
    return (size_t)(end - to);
}

static unsigned char *put_key_share(
    unsigned char *at, const struct server_hello_13 *hello)
{
    const struct key_exchange_group *group = hello->group;

    at = put(put(at, EXTENSION_KEY_SHARE, 2), 4 + group->public_len, 2);
    at = put(put(at, group->tls_id, 2), group->public_len, 2);
    key_exchange_encode(group, hello->own, at);
    return at + group->public_len;
}

size_t server_hello_13(
    const struct server_hello_13 *hello, unsigned char to[SERVER_HELLO_13_MAX])
{
    unsigned char *at = put(to + MESSAGE_HEADER_13, VERSION_12, 2), *extensions;

    at = put_bytes(at, hello->random, RANDOM_13);
    at = put(at, hello->session_id.len, 1);
    at = put_bytes(at, hello->session_id.at, hello->session_id.len);
    at = put(put(at, hello->suite, 2), 0, 1);
    extensions = at;
    at = put(put(at + 2, EXTENSION_VERSIONS, 2), 2, 2);
    at = put_key_share(put(at, VERSION_13, 2), hello);
    if (hello->resumed)
        at = put(put(put(at, EXTENSION_PRE_SHARED_KEY, 2), 2, 2), hello->identity, 2);
    return end_message(SERVER_HELLO, to, end_vector(extensions, 2, at));
}

/* Writes the server's preferred groups, or nothing if the client has used the most
 * preferred one. */
static unsigned char *put_groups(unsigned char *at, const struct policy *policy,
    const struct key_exchange_group *group)
{
    if (policy->agreed->group_ids[0] == group->tls_id)
        return at;
    at = put(put(at, EXTENSION_GROUPS, 2), 2 + 2 * policy->agreed->group_count, 2);
    at = put(at, 2 * policy->agreed->group_count, 2);
    for (size_t i = 0; i < policy->agreed->group_count; i++)
        at = put(at, policy->agreed->group_ids[i], 2);
    return at;
}

static unsigned char *put_protocol(unsigned char *at, const char *protocol)
{
    size_t len = protocol != NULL ? strlen(protocol) : 0;

    if (len == 0)
        return at;
    at = put(put(at, EXTENSION_PROTOCOLS, 2), 3 + len, 2);
    at = put(put(at, 1 + len, 2), len, 1);
    return put_bytes(at, protocol, len);
}

size_t encrypted_extensions_13(const struct policy *policy,
    const struct key_exchange_group *group, const char *protocol,
    unsigned char to[EXTENSIONS_13_MAX])
{
    unsigned char *extensions = to + MESSAGE_HEADER_13;
    unsigned char *at = put_groups(extensions + 2, policy, group);

    at = put_protocol(at, protocol);
    return end_message(ENCRYPTED_EXTENSIONS, to, end_vector(extensions, 2, at));
}

void hash_to_sign_13(const struct scheme *scheme, const struct digest *digest,
    const unsigned char *messages, unsigned char *hash)
{
    static const char spaces[] =
        "                                                                ";
    static const char title[] = "TLS 1.3, server CertificateVerify"; /* with its NUL */
    const struct digest_part parts[] = {
        {spaces, sizeof(spaces) - 1}, {title, sizeof(title)}, {messages, digest->len}};

    (void)digest_parts(scheme->digest, parts, sizeof(parts) / sizeof(parts[0]), hash);
}

size_t certificate_verify_13(uint16_t scheme, const unsigned char *signature,
    size_t signature_len, unsigned char to[VERIFY_13_MAX])
{
    unsigned char *at = put(to + MESSAGE_HEADER_13, scheme, 2);

    at = put_bytes(put(at, signature_len, 2), signature, signature_len);
    return end_message(CERTIFICATE_VERIFY, to, at);
}

size_t finished_13(const unsigned char *data, size_t len, unsigned char *to)
{
    return end_message(FINISHED, to, put_bytes(to + MESSAGE_HEADER_13, data, len));
}

size_t new_session_ticket_13(uint32_t lifetime, uint32_t age_add,
    const unsigned char nonce[TICKET_NONCE_13], const unsigned char ticket[TICKET_LEN],
    unsigned char to[NEW_TICKET_13])
{
    unsigned char *at = put(put(to + MESSAGE_HEADER_13, lifetime, 4), age_add, 4);

    at = put_bytes(put(at, TICKET_NONCE_13, 1), nonce, TICKET_NONCE_13);
    at = put_bytes(put(at, TICKET_LEN, 2), ticket, TICKET_LEN);
    return end_message(NEW_SESSION_TICKET, to, put(at, 0, 2));
}
