#include "proxy/crypto/digest.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define INFO(oid_last, total, digest_len)                                                \
    {                                                                                    \
        0x30, total, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,   \
            0x02, oid_last, 0x05, 0x00, 0x04, digest_len                                 \
    }
#define INFO_SHA1                                                                        \
    {                                                                                    \
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,    \
            0x04, 0x14                                                                   \
    }

static struct digest digests[] = {
    {{"SHA2-256", "SHA256"}, INFO(1, 0x31, 32), 19, 32, 64, NULL, {0}},
    {{"SHA2-384", "SHA384"}, INFO(2, 0x41, 48), 19, 48, 128, NULL, {0}},
    {{"SHA2-512", "SHA512"}, INFO(3, 0x51, 64), 19, 64, 128, NULL, {0}},
    {{"SHA2-224", "SHA224"}, INFO(4, 0x2d, 28), 19, 28, 64, NULL, {0}},
    {{"SHA1", "SHA-1"}, INFO_SHA1, 15, 20, 64, NULL, {0}},
};
enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

static EVP_MD_CTX *hashing; /* reused: nothing pauses while it is in use */

bool digests_start(OSSL_LIB_CTX *libctx)
{
    hashing = EVP_MD_CTX_new();
    for (size_t i = 0; i < DIGESTS; i++) {
        digests[i].md = EVP_MD_fetch(libctx, digests[i].names[0], NULL);
        if (hashing == NULL || digests[i].md == NULL ||
            !digest_parts(&digests[i], NULL, 0, digests[i].of_nothing))
            return false;
    }
    return true;
}

void digests_stop(void)
{
    for (size_t i = 0; i < DIGESTS; i++) {
        EVP_MD_free(digests[i].md);
        digests[i].md = NULL;
    }
    EVP_MD_CTX_free(hashing);
    hashing = NULL;
}

const struct digest *digest_find(const char *name)
{
    for (size_t i = 0; i < DIGESTS; i++) {
        if (strcmp(name, digests[i].names[0]) == 0 ||
            strcmp(name, digests[i].names[1]) == 0)
            return &digests[i];
    }
    return NULL;
}

bool digest_parts(const struct digest *digest, const struct digest_part *parts,
    size_t count, unsigned char *hash)
{
    if (EVP_DigestInit_ex2(hashing, digest->md, NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0 &&
            EVP_DigestUpdate(hashing, parts[i].data, parts[i].len) != 1)
            return false;
    }
    return EVP_DigestFinal_ex(hashing, hash, NULL) == 1;
}

/* A key longer than a block is hashed. */
static bool fill_block(
    const struct digest *digest, struct digest_part key, unsigned char *block)
{
    memset(block, 0, DIGEST_BLOCK_MAX);
    if (key.len > digest->block_len)
        return digest_parts(digest, &key, 1, block);
    if (key.len > 0)
        memcpy(block, key.data, key.len);
    return true;
}

static void mask_block(unsigned char *block, unsigned char mask)
{
    for (size_t i = 0; i < DIGEST_BLOCK_MAX; i++)
        block[i] ^= mask;
}

bool digest_hmac(const struct digest *digest, struct digest_part key,
    const struct digest_part *parts, size_t count, unsigned char *mac)
{
    enum { INNER = 0x36, OUTER = 0x5c };
    unsigned char block[DIGEST_BLOCK_MAX], inner[DIGEST_MAX];
    struct digest_part all[1 + DIGEST_PARTS_MAX] = {{block, digest->block_len}};
    bool ok = count <= DIGEST_PARTS_MAX && fill_block(digest, key, block);

    if (ok) {
        memcpy(all + 1, parts, count * sizeof(*parts));
        mask_block(block, INNER);
        ok = digest_parts(digest, all, 1 + count, inner);
        mask_block(block, INNER ^ OUTER);
        all[1] = (struct digest_part){inner, digest->len};
        ok = ok && digest_parts(digest, all, 2, mac);
    }
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(inner, sizeof(inner));
    return ok;
}
