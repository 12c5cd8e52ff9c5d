#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/signing.h"
#include "proxy/crypto/signing_private.h"

static lane_status exponentiate(struct signing_workspace *work, struct signing_job *jobs,
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
        from, results, p, q, dp, dq, qinv, bits, NULL, work->rsa_scratch);
}

void signing_rsa(struct signing_job *jobs, size_t count)
{
    struct signing_workspace *work = signing_workspace();
    size_t len = (size_t)jobs[0].key->bits / 8;
    uint8_t *results[LANES];
    lane_status status;

    for (size_t i = 0; i < LANES; i++)
        results[i] = work->results[i];
    status = exponentiate(work, jobs, count, results);
    for (size_t i = 0; i < count; i++) {
        memcpy(jobs[i].signature, work->results[i], len);
        jobs[i].signature_len = len;
        signing_finish(&jobs[i], lane_ok(status, i));
    }
    /* The library wipes the factors there, but not the values computed with them. */
    OPENSSL_cleanse(work->rsa_scratch, work->rsa_scratch_len);
    OPENSSL_cleanse(work->results, sizeof(work->results));
}
