/*
 * signature_scheme.h - the signature schemes of TLS by number (RFC 8446, 4.2.3; in TLS
 * 1.2 a number is a digest and a kind of key, RFC 5246, 7.4.1.4.1).
 */
#ifndef WLBPROXY_CRYPTO_SIGNATURE_SCHEME_H
#define WLBPROXY_CRYPTO_SIGNATURE_SCHEME_H

#include <stdint.h>

enum signature_kind {
    SIGNATURE_PKCS1, /* RSASSA-PKCS1-v1_5 */
    SIGNATURE_PSS, /* RSASSA-PSS, the salt as long as the digest */
    SIGNATURE_ECDSA, /* on whatever curve the key has */
    SIGNATURE_EDDSA, /* over the message itself, which is short */
};

struct signature_scheme {
    uint16_t id;
    enum signature_kind kind;
    const char *digest; /* OpenSSL's name; NULL: EdDSA has its own */
    const char *key_type; /* the only type that it is for, in OpenSSL's name */
};

/* NULL: there is no such scheme. */
const struct signature_scheme *signature_scheme_find(uint16_t id);

/* Returns the scheme with which a key of this type signs such a digest; `digest` NULL for
 * EdDSA. NULL: TLS has none. */
const struct signature_scheme *signature_scheme_for(
    const char *key_type, enum signature_kind kind, const char *digest);

#endif
