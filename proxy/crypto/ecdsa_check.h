/*
 * ecdsa_check.h - finds a faulty ECDSA signature in a third of the time that its
 * verification takes.
 *
 * A process that holds the scalar d can compute the nonce of a signature (r, s) of e: k =
 * (e + rd) / s. The signature is right if x of kG is r modulo the order. That is one
 * multiplication of the generator; verification takes another one, of the public key.
 *
 * The check has only the digest, r and s in common with the signature. It keeps d as two
 * random shares, whose sum was compared with the public key. For P-256 it multiplies a
 * generator of its own, hG, which has a table of its own, by k / h; for P-384 it uses
 * p384.h. So neither a bit flipped in a copy of d nor one flipped in a table of the
 * generator, nor operands for which an arithmetic is wrong, give the same wrong result
 * twice. k is as secret as d: no branch and no address depends on either.
 *
 * The check never refuses a signature for good: one that does not pass is verified with
 * the public key. A fault of the check itself costs time only.
 */
#ifndef WLBPROXY_CRYPTO_ECDSA_CHECK_H
#define WLBPROXY_CRYPTO_ECDSA_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "proxy/crypto/key_exchange.h"

/* In the secure heap; open for the test of its timing alone. */
struct ecdsa_check {
    const struct key_exchange_group *curve;
    BIGNUM *order;
    uint64_t factor; /* -1 / order modulo 2^64 */
    uint64_t shares[2][KEY_EXCHANGE_LIMBS_MAX]; /* modulo the order their sum is d */
};

/* NULL if the key, which is on that curve, has no scalar, or not that of its public half.
 * The first one for P-256 takes 30 ms, for the table. */
struct ecdsa_check *ecdsa_check_new(
    const struct key_exchange_group *curve, const EVP_PKEY *key);
void ecdsa_check_free(struct ecdsa_check *check);

/* `signature` is DER. */
bool ecdsa_check_passes(const struct ecdsa_check *check, const unsigned char *digest,
    size_t digest_len, const unsigned char *signature, size_t signature_len);

#endif
