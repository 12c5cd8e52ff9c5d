#include "certstore/private_key.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
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

/* With the digest that is the key's own: some have none, an RSA-PSS key may insist on
 * one. */
static bool sign_and_verify(
    EVP_MD_CTX *signing, EVP_MD_CTX *verifying, EVP_PKEY *key, EVP_PKEY *public_key)
{
    static const unsigned char text[] = "does this key belong to that certificate?";
    unsigned char signature[2048 + 64]; /* RSA 16384 */
    size_t len = sizeof(signature);

    return EVP_DigestSignInit_ex(signing, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(signing, signature, &len, text, sizeof(text)) == 1 &&
        EVP_DigestVerifyInit_ex(verifying, NULL, NULL, NULL, NULL, public_key, NULL) ==
        1 &&
        EVP_DigestVerify(verifying, signature, len, text, sizeof(text)) == 1;
}

bool private_key_works(EVP_PKEY *key, EVP_PKEY *public_key)
{
    EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
    bool works = sign_and_verify(signing, verifying, key, public_key);

    EVP_MD_CTX_free(signing);
    EVP_MD_CTX_free(verifying);
    ERR_clear_error();
    return works;
}
