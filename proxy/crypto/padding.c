#include "proxy/crypto/padding.h"

#include <string.h>

#include <openssl/rand.h>

enum { PKCS1_OVERHEAD = 11, PSS_TRAILER = 0xbc };

bool padding_pkcs1(const struct digest *digest, const unsigned char *hash,
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

/* RFC 8017, B.2.1: XORs data with the mask of `seed`. */
static bool apply_mask(const struct digest *digest, const unsigned char *seed,
    unsigned char *data, size_t len)
{
    unsigned char mask[DIGEST_MAX], counter[4] = {0};
    const struct digest_part parts[] = {{seed, digest->len}, {counter, sizeof(counter)}};

    for (size_t done = 0; done < len; done += digest->len, counter[3]++) {
        if (!digest_parts(digest, parts, 2, mask))
            return false;
        for (size_t i = 0; i < digest->len && done + i < len; i++)
            data[done + i] ^= mask[i];
    }
    return true;
}

/* H = Hash(eight zero bytes || mHash || salt) */
static bool hash_salted(const struct digest *digest, const unsigned char *hash,
    const unsigned char *salt, unsigned char *salted)
{
    static const unsigned char zeros[8];
    const struct digest_part parts[] = {
        {zeros, sizeof(zeros)}, {hash, digest->len}, {salt, digest->len}};

    return digest_parts(digest, parts, 3, salted);
}

/* The modulus has a multiple of eight bits, so the encoded message has as many bytes and
 * one bit less. */
bool padding_pss(const struct digest *digest, OSSL_LIB_CTX *libctx,
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
