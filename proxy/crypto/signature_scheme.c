#include "proxy/crypto/signature_scheme.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct signature_scheme schemes[] = {
    {0x0201, SIGNATURE_PKCS1, "SHA1", "RSA"},
    {0x0301, SIGNATURE_PKCS1, "SHA2-224", "RSA"},
    {0x0401, SIGNATURE_PKCS1, "SHA2-256", "RSA"},
    {0x0501, SIGNATURE_PKCS1, "SHA2-384", "RSA"},
    {0x0601, SIGNATURE_PKCS1, "SHA2-512", "RSA"},
    {0x0203, SIGNATURE_ECDSA, "SHA1", "EC"},
    {0x0303, SIGNATURE_ECDSA, "SHA2-224", "EC"},
    {0x0403, SIGNATURE_ECDSA, "SHA2-256", "EC"},
    {0x0503, SIGNATURE_ECDSA, "SHA2-384", "EC"},
    {0x0603, SIGNATURE_ECDSA, "SHA2-512", "EC"},
    {0x0804, SIGNATURE_PSS, "SHA2-256", "RSA"},
    {0x0805, SIGNATURE_PSS, "SHA2-384", "RSA"},
    {0x0806, SIGNATURE_PSS, "SHA2-512", "RSA"},
    {0x0807, SIGNATURE_EDDSA, NULL, "ED25519"},
    {0x0808, SIGNATURE_EDDSA, NULL, "ED448"},
    {0x0809, SIGNATURE_PSS, "SHA2-256", "RSA-PSS"},
    {0x080a, SIGNATURE_PSS, "SHA2-384", "RSA-PSS"},
    {0x080b, SIGNATURE_PSS, "SHA2-512", "RSA-PSS"},
};
enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

const struct signature_scheme *signature_scheme_find(uint16_t id)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        if (schemes[i].id == id)
            return &schemes[i];
    }
    return NULL;
}

static bool same_digest(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

const struct signature_scheme *signature_scheme_for(
    const char *key_type, enum signature_kind kind, const char *digest)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        if (schemes[i].kind == kind && strcmp(schemes[i].key_type, key_type) == 0 &&
            same_digest(schemes[i].digest, digest))
            return &schemes[i];
    }
    return NULL;
}
