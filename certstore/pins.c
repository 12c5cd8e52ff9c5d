#include "certstore/pins.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certstore/certificate.h"
#include "config/text_list.h"

int pins_overlook_issuer(int ok, X509_STORE_CTX *store)
{
    switch (X509_STORE_CTX_get_error(store)) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
        return 1;
    default:
        return ok || X509_STORE_CTX_get_error_depth(store) > 0;
    }
}

static void to_hex(const unsigned char *bytes, size_t len, char *text)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

bool pins_have(const struct text_list *pins, X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *key = NULL;
    char text[2 * EVP_MAX_MD_SIZE + 1];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    bool found;

    certificate_sha256(certificate, text);
    found = text_list_has(pins, text);
    if (!found && len > 0 &&
        EVP_Digest(key, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1) {
        to_hex(digest, SHA256_DIGEST_LENGTH, text);
        found = text_list_has(pins, text);
    }
    OPENSSL_free(key);
    return found;
}
