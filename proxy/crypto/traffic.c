#include "proxy/crypto/traffic.h"

#include <string.h>

#include <openssl/crypto.h>

void traffic_expand_by(const struct digest_key *secret, const char *label,
    const unsigned char *context, size_t context_len, unsigned char *out, size_t len)
{
    static const char prefix[] = "tls13 ";
    static const unsigned char counter = 1; /* HKDF's */
    const unsigned char head[] = {
        0, (unsigned char)len, (unsigned char)(sizeof(prefix) - 1 + strlen(label))};
    const unsigned char middle = (unsigned char)context_len;
    const struct digest_part parts[] = {{head, sizeof(head)},
        {prefix, sizeof(prefix) - 1}, {label, strlen(label)}, {&middle, 1},
        {context, context_len}, {&counter, 1}};
    unsigned char mac[DIGEST_MAX];

    digest_key_mac(secret, parts, sizeof(parts) / sizeof(parts[0]), mac);
    memcpy(out, mac, len);
    OPENSSL_cleanse(mac, sizeof(mac));
}

bool traffic_expand(const struct digest *digest, const unsigned char *secret,
    const char *label, unsigned char *out, size_t len)
{
    struct digest_key key;

    if (len > digest->len)
        return false;
    digest_key_init(&key, digest, secret, digest->len);
    traffic_expand_by(&key, label, NULL, 0, out, len);
    digest_key_wipe(&key);
    return true;
}
