/*
 * digest.h - the digests of TLS, by OpenSSL's functions below EVP. For the short texts of
 * a key schedule EVP's objects would cost more than the hashing.
 */
#ifndef WLBPROXY_CRYPTO_DIGEST_H
#define WLBPROXY_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/sha.h>

enum { DIGEST_MAX = 64, DIGEST_BLOCK_MAX = 128 };

struct digest_functions;

struct digest {
    const char *names[2]; /* its two names in OpenSSL */
    unsigned char
        info[19]; /* DER of DigestInfo up to the digest: RFC 8017, 9.2, note 1 */
    size_t info_len, len, block_len;
    const struct digest_functions *functions;
    unsigned char of_nothing[DIGEST_MAX]; /* after digests_start() */
};

void digests_start(void);

/* NULL: it is none of ours. */
const struct digest *digest_find(const char *name);

struct digest_part {
    const void *data;
    size_t len;
};

/* A hash under way. A copy continues independently. */
struct digest_state {
    const struct digest *digest;
    union {
        SHA_CTX sha1;
        SHA256_CTX sha256;
        SHA512_CTX sha512;
    } of;
};

void digest_begin(struct digest_state *state, const struct digest *digest);
void digest_add(struct digest_state *state, const void *data, size_t len);
/* Gives the hash of the bytes added so far; more may be added. */
void digest_so_far(const struct digest_state *state, unsigned char *hash);

/* Hashes the parts one after the other. Returns true. */
bool digest_parts(const struct digest *digest, const struct digest_part *parts,
    size_t count, unsigned char *hash);

/* A key of HMAC (RFC 2104) with its blocks hashed: cheaper from the second use on. */
struct digest_key {
    struct digest_state inner, outer;
};

void digest_key_init(
    struct digest_key *key, const struct digest *digest, const void *bytes, size_t len);
void digest_key_mac(const struct digest_key *key, const struct digest_part *parts,
    size_t count, unsigned char *mac);
void digest_key_wipe(struct digest_key *key);

/* HMAC of up to DIGEST_PARTS_MAX parts; false if there are more. */
enum { DIGEST_PARTS_MAX = 7 };
bool digest_hmac(const struct digest *digest, struct digest_part key,
    const struct digest_part *parts, size_t count, unsigned char *mac);

/* HKDF-Expand (RFC 5869, 2.3). False: more than 255 times the digest's length. */
bool digest_hkdf_expand(const struct digest *digest, struct digest_part secret,
    struct digest_part info, unsigned char *out, size_t len);

#endif
