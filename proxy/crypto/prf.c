/* KDF (provider-kdf(7)) "TLS1-PRF": the pseudorandom function of TLS 1.2 (RFC 5246, 5),
 * with the same economy as key_schedule.c: parameters come with the call, nothing is
 * kept. The one of TLS 1.0 and 1.1 is not here, nor are they served. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/traffic.h"

struct request {
    const struct digest *digest;
    struct digest_part secret;
    struct digest_part parts[DIGEST_PARTS_MAX]; /* A(i), then what libssl calls seeds */
    size_t count;
};

static bool read_request(struct request *request, const OSSL_PARAM params[])
{
    memset(request, 0, sizeof(*request));
    request->count = 1;
    for (const OSSL_PARAM *p = params; p != NULL && p->key != NULL; p++) {
        struct digest_part part = {p->data, p->data_size};

        if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0) {
            request->digest = digest_find(p->data);
        } else if (strcmp(p->key, OSSL_KDF_PARAM_SECRET) == 0) {
            request->secret = part;
        } else if (strcmp(p->key, OSSL_KDF_PARAM_SEED) == 0) {
            if (request->count == DIGEST_PARTS_MAX)
                return false;
            request->parts[request->count++] = part;
        }
    }
    return request->digest != NULL && request->secret.data != NULL && request->count > 1;
}

/* P_hash(secret, seed) = HMAC(A(1) + seed) + HMAC(A(2) + seed) + ..., where A(0) is the
 * seed and A(i) = HMAC(A(i-1)). */
static int derive(
    void *context, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
    struct request request;
    unsigned char a[DIGEST_MAX], block[DIGEST_MAX];
    bool ok = len > 0 && read_request(&request, params) &&
        digest_hmac(
            request.digest, request.secret, request.parts + 1, request.count - 1, a);

    (void)context;
    for (size_t done = 0; ok && done < len; done += request.digest->len) {
        size_t rest = len - done;

        request.parts[0] = (struct digest_part){a, request.digest->len};
        ok = digest_hmac(
            request.digest, request.secret, request.parts, request.count, block);
        if (ok)
            memcpy(out + done, block,
                rest < request.digest->len ? rest : request.digest->len);
        if (rest > request.digest->len)
            ok = ok && digest_hmac(request.digest, request.secret, request.parts, 1, a);
    }
    OPENSSL_cleanse(a, sizeof(a));
    OPENSSL_cleanse(block, sizeof(block));
    if (ok)
        traffic_note(request.digest, request.parts[1], out, len); /* the label is first */
    return ok;
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
