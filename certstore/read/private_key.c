#include "certstore/read/private_key.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "certstore/pem.h"
#include "certstore/secrets.h"

EVP_PKEY *private_key_parse(const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx)
{
    const unsigned char *at = der;
    EVP_PKEY *key;

    secrets_wiping_begin();
    key = d2i_AutoPrivateKey_ex(NULL, &at, (long)len, libctx, NULL);
    secrets_wiping_end();
    ERR_clear_error();
    return key;
}

bool private_key_is_encrypted(const struct pem_block *block)
{
    return block->encrypted || strcmp(block->label, "ENCRYPTED PRIVATE KEY") == 0;
}

bool private_key_is_openssh(const struct pem_block *block)
{
    return strcmp(block->label, "OPENSSH PRIVATE KEY") == 0;
}

/* NULL for the kinds that hash by themselves. Others have the digests that TLS signs
 * with: a key for RSA-PSS alone may insist on one of them (RFC 8446 section 4.2.3). */
static const char *digest_for(const EVP_PKEY *key, size_t i)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};

    if (EVP_PKEY_is_a(key, "RSA-PSS"))
        return i < sizeof(digests) / sizeof(digests[0]) ? digests[i] : NULL;
    return i > 0 || EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")
        ? NULL
        : digests[0];
}

/* TLS has a salt as long as the digest. */
static bool set_salt(EVP_PKEY_CTX *ctx, const EVP_PKEY *key)
{
    return !EVP_PKEY_is_a(key, "RSA-PSS") ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool sign_and_verify(EVP_PKEY *key, EVP_PKEY *public_key, const char *digest)
{
    static const unsigned char text[] = "does this key belong to that certificate?";
    EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
    unsigned char signature[2048 + 64]; /* RSA 16384 */
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *ctx;
    bool works =
        EVP_DigestSignInit_ex(signing, &ctx, digest, NULL, NULL, key, NULL) == 1 &&
        set_salt(ctx, key) &&
        EVP_DigestSign(signing, signature, &len, text, sizeof(text)) == 1 &&
        EVP_DigestVerifyInit_ex(verifying, &ctx, digest, NULL, NULL, public_key, NULL) ==
            1 &&
        set_salt(ctx, key) &&
        EVP_DigestVerify(verifying, signature, len, text, sizeof(text)) == 1;

    EVP_MD_CTX_free(signing);
    EVP_MD_CTX_free(verifying);
    ERR_clear_error();
    return works;
}

bool private_key_works(EVP_PKEY *key, EVP_PKEY *public_key)
{
    const char *digest = digest_for(key, 0);

    for (size_t i = 1; !sign_and_verify(key, public_key, digest); i++) {
        digest = digest_for(key, i);
        if (digest == NULL)
            return false;
    }
    return true;
}
