#include "proxy/crypto/prf.h"

#include <assert.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "proxy/crypto/provider.h"

/* P_hash(secret, seed) = HMAC(A(1) + seed) + HMAC(A(2) + seed) + ..., where A(0) is the
 * seed and A(i) = HMAC(A(i-1)). */
void prf(const struct digest_key *secret, const struct digest_part *parts, size_t count,
    unsigned char *out, size_t len)
{
    size_t step = secret->inner.digest->len;
    unsigned char a[DIGEST_MAX], block[DIGEST_MAX];
    struct digest_part seeded[1 + PRF_PARTS_MAX] = {{a, step}};

    assert(count <= PRF_PARTS_MAX);
    memcpy(seeded + 1, parts, count * sizeof(*parts));
    digest_key_mac(secret, parts, count, a);
    for (size_t done = 0; done < len; done += step) {
        size_t rest = len - done;

        digest_key_mac(secret, seeded, 1 + count, block);
        memcpy(out + done, block, rest < step ? rest : step);
        if (rest > step)
            digest_key_mac(secret, seeded, 1, a);
    }
    OPENSSL_cleanse(a, sizeof(a));
    OPENSSL_cleanse(block, sizeof(block));
}

/* KDF (provider-kdf(7)) "TLS1-PRF". As in key_schedule.c, the parameters come with the
 * call, and nothing is kept. */
struct request {
    const struct digest *digest;
    struct digest_part secret;
    struct digest_part parts[PRF_PARTS_MAX]; /* libssl's seeds */
    size_t count;
};

static bool read_request(struct request *request, const OSSL_PARAM params[])
{
    memset(request, 0, sizeof(*request));
    for (const OSSL_PARAM *p = params; p != NULL && p->key != NULL; p++) {
        struct digest_part part = {p->data, p->data_size};

        if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0) {
            request->digest = digest_find(p->data);
        } else if (strcmp(p->key, OSSL_KDF_PARAM_SECRET) == 0) {
            request->secret = part;
        } else if (strcmp(p->key, OSSL_KDF_PARAM_SEED) == 0) {
            if (request->count == PRF_PARTS_MAX)
                return false;
            request->parts[request->count++] = part;
        }
    }
    return request->digest != NULL && request->secret.data != NULL && request->count > 0;
}

static int derive(
    void *context, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
    struct request request;
    struct digest_key secret;

    (void)context;
    if (len == 0 || !read_request(&request, params))
        return 0;
    digest_key_init(&secret, request.digest, request.secret.data, request.secret.len);
    prf(&secret, request.parts, request.count, out, len);
    digest_key_wipe(&secret);
    return 1;
}

/* There is no state, but NULL would mean failure. */
static void *context_new(void *provider)
{
    return provider;
}

static void context_free(void *context)
{
    (void)context;
}

const OSSL_DISPATCH prf_functions[] = {
    DISPATCH(OSSL_FUNC_KDF_NEWCTX, context_new),
    DISPATCH(OSSL_FUNC_KDF_FREECTX, context_free),
    DISPATCH(OSSL_FUNC_KDF_DERIVE, derive),
    DISPATCH_END,
};
