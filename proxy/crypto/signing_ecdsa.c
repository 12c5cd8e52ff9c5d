#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "proxy/crypto/limbs.h"
#include "proxy/crypto/signing.h"
#include "proxy/crypto/signing_private.h"

enum { SHA512_LEN = 64 };

/* The nonce is fresh randomness hashed with key and digest: even if the generator
 * repeated itself, two different digests would get different nonces. */
static bool draw_nonce(
    struct signing_workspace *work, const struct signing_job *job, uint64_t *nonce)
{
    const struct key_exchange_group *curve = job->key->curve;
    struct {
        unsigned char random[48];
        uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX];
        unsigned char digest[SHA512_LEN];
    } seed;
    unsigned char hash[SHA512_LEN];
    bool drawn;

    memset(&seed, 0, sizeof(seed));
    memcpy(seed.scalar, job->key->scalar, curve->limbs * LIMB_BYTES);
    memcpy(seed.digest, job->input, job->input_len);
    do {
        drawn =
            RAND_priv_bytes_ex(work->libctx, seed.random, sizeof(seed.random), 0) == 1 &&
            EVP_Digest(&seed, sizeof(seed), hash, NULL, work->sha512, NULL) == 1;
        memcpy(nonce, hash, curve->limbs * LIMB_BYTES);
    } while (drawn &&
        (limbs_are_zero(nonce, curve->limbs) ||
            !limbs_less(nonce, curve->order, curve->limbs)));
    OPENSSL_cleanse(&seed, sizeof(seed));
    OPENSSL_cleanse(hash, sizeof(hash));
    return drawn;
}

/* The leftmost bits of the digest, below the order. */
static void fit_digest(const struct key_exchange_group *curve,
    const struct signing_job *job, uint8_t *fitted)
{
    size_t len = job->input_len < curve->secret_len ? job->input_len : curve->secret_len;
    uint64_t number[KEY_EXCHANGE_LIMBS_MAX], borrow = 0;

    memset(fitted, 0, curve->secret_len);
    memcpy(fitted + curve->secret_len - len, job->input, len);
    limbs_from_bytes(number, curve->limbs, fitted);
    if (limbs_less(number, curve->order, curve->limbs))
        return;
    for (size_t i = 0; i < curve->limbs; i++) {
        uint64_t limb = number[i], subtrahend = curve->order[i];

        number[i] = limb - subtrahend - borrow;
        borrow = limb < subtrahend || (limb == subtrahend && borrow != 0);
    }
    limbs_to_bytes(fitted, number, curve->limbs);
}

static bool encode(
    const uint8_t *r, const uint8_t *s, size_t len, struct signing_job *job)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r, (int)len, NULL);
    BIGNUM *s_number = BN_bin2bn(s, (int)len, NULL);
    unsigned char *at = job->signature;
    int encoded = -1;

    if (pair != NULL && r_number != NULL && s_number != NULL &&
        ECDSA_SIG_set0(pair, r_number, s_number) == 1) {
        encoded = i2d_ECDSA_SIG(pair, &at);
    } else {
        BN_free(r_number);
        BN_free(s_number);
    }
    ECDSA_SIG_free(pair);
    job->signature_len = encoded > 0 ? (size_t)encoded : 0;
    return encoded > 0;
}

static lane_status sign(
    struct signing_workspace *work, struct signing_job *jobs, size_t count)
{
    const uint8_t *digests[LANES];
    const uint64_t *nonces[LANES], *scalars[LANES];
    uint8_t *r[LANES], *s[LANES];

    for (size_t i = 0; i < LANES; i++) {
        size_t source = i < count ? i : 0;

        digests[i] = work->digests[source];
        nonces[i] = work->nonces[source];
        scalars[i] = jobs[source].key->scalar;
        r[i] = work->r[i];
        s[i] = work->s[i];
    }
    if (jobs[0].key->curve == &key_exchange_groups[KEY_EXCHANGE_P256])
        return work->library->p256_ecdsa(r, s, digests, nonces, scalars, NULL);
    return work->library->p384_ecdsa(r, s, digests, nonces, scalars, NULL);
}

void signing_ecdsa(struct signing_job *jobs, size_t count)
{
    struct signing_workspace *work = signing_workspace();
    const struct key_exchange_group *curve = jobs[0].key->curve;
    lane_status status;
    bool drawn = true;

    for (size_t i = 0; i < count; i++) {
        fit_digest(curve, &jobs[i], work->digests[i]);
        drawn = drawn && draw_nonce(work, &jobs[i], work->nonces[i]);
    }
    status = drawn ? sign(work, jobs, count) : ~(lane_status)0;
    OPENSSL_cleanse(work->nonces, sizeof(work->nonces));
    for (size_t i = 0; i < count; i++) {
        bool made = lane_ok(status, i) &&
            encode(work->r[i], work->s[i], curve->secret_len, &jobs[i]);

        signing_finish(&jobs[i], made);
    }
}
