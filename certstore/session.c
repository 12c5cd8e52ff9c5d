#include "certstore/session.h"

#include <ctype.h>
#include <string.h>

#include <openssl/evp.h>

#include "certstore/ticket_keys.h"

enum { HOST_NAME_MAX_DNS = 255 };

bool session_host(unsigned char host[SESSION_HOST], const void *name, size_t len)
{
    const unsigned char *from = name;
    unsigned char lower[HOST_NAME_MAX_DNS];
    unsigned digest_len = 0;

    memset(host, 0, SESSION_HOST);
    if (len > 1 && from[len - 1] == '.')
        len--;
    if (len == 0)
        return true;
    if (len > sizeof(lower))
        return false;
    for (size_t i = 0; i < len; i++)
        lower[i] = (unsigned char)tolower(from[i]);
    return EVP_Digest(lower, len, host, &digest_len, EVP_sha256(), NULL) == 1;
}

static uint64_t end_of(const struct session_bond *bond, const struct tls_policy *policy)
{
    uint64_t end = bond->began + ticket_lifetime(policy->tickets);

    return bond->ends != 0 && bond->ends < end ? bond->ends : end;
}

bool session_may_go_on(const struct session_bond *bond, const struct tls_policy *policy,
    const unsigned char *host, uint64_t now)
{
    return bond->began <= now && now < end_of(bond, policy) &&
        memcmp(bond->binding, policy->binding, SESSION_BINDING) == 0 &&
        (host == NULL || memcmp(bond->host, host, SESSION_HOST) == 0);
}

uint32_t session_seconds_left(
    const struct session_bond *bond, const struct tls_policy *policy, uint64_t now)
{
    uint64_t end = end_of(bond, policy);

    return now < end ? (uint32_t)(end - now) : 0;
}

static void put(unsigned char *to, uint64_t value)
{
    for (size_t i = sizeof(value); i-- > 0; value >>= 8)
        to[i] = (unsigned char)value;
}

static uint64_t get(const unsigned char *from)
{
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof(value); i++)
        value = value << 8 | from[i];
    return value;
}

void session_bond_encode(
    const struct session_bond *bond, unsigned char bytes[SESSION_BOND_LEN])
{
    put(bytes, bond->began);
    put(bytes + 8, bond->ends);
    memcpy(bytes + 16, bond->binding, SESSION_BINDING);
    memcpy(bytes + 16 + SESSION_BINDING, bond->host, SESSION_HOST);
}

void session_bond_decode(
    struct session_bond *bond, const unsigned char bytes[SESSION_BOND_LEN])
{
    bond->began = get(bytes);
    bond->ends = get(bytes + 8);
    memcpy(bond->binding, bytes + 16, SESSION_BINDING);
    memcpy(bond->host, bytes + 16 + SESSION_BINDING, SESSION_HOST);
}
