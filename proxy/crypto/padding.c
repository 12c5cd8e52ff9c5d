#include "proxy/crypto/padding.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

enum { PKCS1_OVERHEAD = 11, PSS_TRAILER = 0xbc };

#define INFO(oid_last, total, digest_len)                                                \
    {                                                                                    \
        0x30, total, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,   \
            0x02, oid_last, 0x05, 0x00, 0x04, digest_len                                 \
    }

static struct padding_digest digests[] = {
    {{"SHA2-256", "SHA256"}, INFO(1, 0x31, 32), 19, 32, NULL},
    {{"SHA2-384", "SHA384"}, INFO(2, 0x41, 48), 19, 48, NULL},
    {{"SHA2-512", "SHA512"}, INFO(3, 0x51, 64), 19, 64, NULL},
    {{"SHA2-224", "SHA224"}, INFO(4, 0x2d, 28), 19, 28, NULL},
    {{"SHA1", "SHA-1"},
        {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
            0x04, 0x14},
        15, 20, NULL},
};
enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

static EVP_MD_CTX *hashing; /* reused: nothing pauses while it is in use */

bool padding_start(OSSL_LIB_CTX *libctx)
{
    hashing = EVP_MD_CTX_new();
    for (size_t i = 0; i < DIGESTS; i++) {
        digests[i].md = EVP_MD_fetch(libctx, digests[i].names[0], NULL);
        if (digests[i].md == NULL)
            return false;
    }
    return hashing != NULL;
}

void padding_stop(void)
{
    for (size_t i = 0; i < DIGESTS; i++) {
        EVP_MD_free(digests[i].md);
        digests[i].md = NULL;
    }
    EVP_MD_CTX_free(hashing);
    hashing = NULL;
}

const struct padding_digest *padding_find(const char *name)
{
    for (size_t i = 0; i < DIGESTS; i++) {
        if (strcmp(name, digests[i].names[0]) == 0 ||
            strcmp(name, digests[i].names[1]) == 0)
            return &digests[i];
    }
    return NULL;
}

bool padding_pkcs1(const struct padding_digest *digest, const unsigned char *hash,
    unsigned char *block, size_t len)
{
    size_t info_at;

    if (len < digest->info_len + digest->len + PKCS1_OVERHEAD)
        return false;
    info_at = len - digest->len - digest->info_len;
    memset(block, 0xff, len);
    block[0] = 0;
    block[1] = 1;
    block[info_at - 1] = 0;
    memcpy(block + info_at, digest->info, digest->info_len);
    memcpy(block + len - digest->len, hash, digest->len);
    return true;
}

/* RFC 8017, B.2.1: the mask of `seed`, laid over data. */
static bool apply_mask(const struct padding_digest *digest, const unsigned char *seed,
    unsigned char *data, size_t len)
{
    unsigned char mask[DIGEST_MAX], counter[4] = {0};

    for (size_t done = 0; done < len; done += digest->len, counter[3]++) {
        if (EVP_DigestInit_ex2(hashing, digest->md, NULL) != 1 ||
            EVP_DigestUpdate(hashing, seed, digest->len) != 1 ||
            EVP_DigestUpdate(hashing, counter, sizeof(counter)) != 1 ||
            EVP_DigestFinal_ex(hashing, mask, NULL) != 1)
            return false;
        for (size_t i = 0; i < digest->len && done + i < len; i++)
            data[done + i] ^= mask[i];
    }
    return true;
}

/* H = Hash(eight zero bytes || mHash || salt) */
static bool hash_salted(const struct padding_digest *digest, const unsigned char *hash,
    const unsigned char *salt, unsigned char *salted)
{
    static const unsigned char zeros[8];

    return EVP_DigestInit_ex2(hashing, digest->md, NULL) == 1 &&
        EVP_DigestUpdate(hashing, zeros, sizeof(zeros)) == 1 &&
        EVP_DigestUpdate(hashing, hash, digest->len) == 1 &&
        EVP_DigestUpdate(hashing, salt, digest->len) == 1 &&
        EVP_DigestFinal_ex(hashing, salted, NULL) == 1;
}

/* The modulus has a multiple of eight bits, so the encoded message has as many bytes and
 * one bit less. */
bool padding_pss(const struct padding_digest *digest, OSSL_LIB_CTX *libctx,
    const unsigned char *hash, unsigned char *block, size_t len)
{
    size_t masked_len;
    unsigned char *salt, *salted;

    if (len < 2 * digest->len + 2)
        return false;
    masked_len = len - digest->len - 1;
    salted = block + masked_len;
    salt = salted - digest->len;
    memset(block, 0, masked_len);
    salt[-1] = 1;
    if (RAND_bytes_ex(libctx, salt, digest->len, 0) != 1 ||
        !hash_salted(digest, hash, salt, salted) ||
        !apply_mask(digest, salted, block, masked_len))
        return false;
    block[0] &= 0x7f;
    block[len - 1] = PSS_TRAILER;
    return true;
}
