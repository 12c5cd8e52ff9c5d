#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/signing.h"
#include "proxy/crypto/signing_private.h"

static bool exponentiate(struct signing_workspace *work, struct signing_job *jobs,
    size_t count, uint8_t *results[LANES])
{
    const uint8_t *from[LANES];
    const uint64_t *p[LANES], *q[LANES], *dp[LANES], *dq[LANES], *qinv[LANES];
    int bits = jobs[0].key->bits;

    for (size_t i = 0; i < LANES; i++) {
        const struct signing_job *job = i < count ? &jobs[i] : &jobs[0];

        from[i] = job->input;
        p[i] = job->key->rsa->p;
        q[i] = job->key->rsa->q;
        dp[i] = job->key->rsa->dp;
        dq[i] = job->key->rsa->dq;
        qinv[i] = job->key->rsa->qinv;
    }
    return work->library->rsa_private(
               from, results, p, q, dp, dq, qinv, bits, NULL, work->rsa_scratch) == 0;
}

static bool undo(struct signing_workspace *work, struct signing_job *jobs, size_t count,
    const uint8_t *const results[LANES])
{
    const uint64_t *modulus[LANES];
    uint8_t *opened[LANES];

    for (size_t i = 0; i < LANES; i++) {
        modulus[i] = (i < count ? &jobs[i] : &jobs[0])->key->modulus;
        opened[i] = work->opened[i];
    }
    return work->library->rsa_public(
               results, opened, modulus, jobs[0].key->bits, NULL, work->rsa_scratch) == 0;
}

void signing_rsa(struct signing_job *jobs, size_t count)
{
    struct signing_workspace *work = signing_workspace();
    size_t len = (size_t)jobs[0].key->bits / 8;
    uint8_t *results[LANES];
    const uint8_t *signatures[LANES];
    bool verified;

    for (size_t i = 0; i < LANES; i++)
        signatures[i] = results[i] = work->results[i];
    verified =
        exponentiate(work, jobs, count, results) && undo(work, jobs, count, signatures);
    for (size_t i = 0; i < count; i++) {
        jobs[i].ok = verified && CRYPTO_memcmp(work->opened[i], jobs[i].input, len) == 0;
        if (jobs[i].ok) {
            memcpy(jobs[i].signature, work->results[i], len);
            jobs[i].signature_len = len;
        } else {
            signing_alone(&jobs[i]);
        }
    }
    /* The library wipes the factors there, but not what it computed with them. */
    OPENSSL_cleanse(work->rsa_scratch, work->rsa_scratch_len);
    OPENSSL_cleanse(work->results, sizeof(work->results));
}
