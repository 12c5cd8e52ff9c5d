/*
 * digest.h - the digests TLS uses, fetched once: a fetch by name for every signature and
 * every derived key would cost more than the hashing.
 */
#ifndef WLBPROXY_CRYPTO_DIGEST_H
#define WLBPROXY_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

enum { DIGEST_MAX = 64, DIGEST_BLOCK_MAX = 128 };

struct digest {
    const char *names[2]; /* OpenSSL's two */
    unsigned char
        info[19]; /* DER of DigestInfo up to the digest: RFC 8017, 9.2, note 1 */
    size_t info_len, len, block_len;
    EVP_MD *md; /* while the engine runs */
    unsigned char of_nothing[DIGEST_MAX];
};

bool digests_start(OSSL_LIB_CTX *libctx);
void digests_stop(void);

/* NULL: none of them. */
const struct digest *digest_find(const char *name);

struct digest_part {
    const void *data;
    size_t len;
};

/* Of the parts one after the other. No handshake can pause in here. */
bool digest_parts(const struct digest *digest, const struct digest_part *parts,
    size_t count, unsigned char *hash);

/* RFC 2104, of up to DIGEST_PARTS_MAX parts. */
enum { DIGEST_PARTS_MAX = 7 };
bool digest_hmac(const struct digest *digest, struct digest_part key,
    const struct digest_part *parts, size_t count, unsigned char *mac);

#endif
