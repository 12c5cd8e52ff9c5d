/* KDF (provider-kdf(7)) "TLS13-KDF": the two steps of TLS 1.3's key schedule (RFC 8446,
 * 7.1), which libssl calls some twenty times a handshake. OpenSSL's own implementation
 * fetches a digest and builds an HMAC each time, a quarter of a resumed handshake; this
 * one only hashes. It takes all parameters with the call, as libssl gives them, and keeps
 * nothing. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/provider.h"

enum { INFO_MAX = 2 + 1 + 255 + 1 + 255 };

struct request {
    int mode;
    const struct digest *digest;
    struct digest_part key, salt, prefix, label, data;
};

static size_t put(unsigned char *at, struct digest_part part)
{
    *at = (unsigned char)part.len;
    if (part.len > 0)
        memcpy(at + 1, part.data, part.len);
    return 1 + part.len;
}

/* Encodes struct HkdfLabel. Returns 0 if it does not fit. */
static size_t encode_label(const struct request *request, struct digest_part data,
    size_t out_len, unsigned char info[INFO_MAX])
{
    struct digest_part prefix = request->prefix, label = request->label;
    size_t len = 2;

    if (prefix.len + label.len > 255 || data.len > 255)
        return 0;
    info[0] = (unsigned char)(out_len >> 8);
    info[1] = (unsigned char)out_len;
    len += put(info + len, prefix);
    if (label.len > 0)
        memcpy(info + len, label.data, label.len);
    info[2] = (unsigned char)(prefix.len + label.len);
    len += label.len;
    return len + put(info + len, data);
}

/* HKDF-Expand-Label. */
static bool expand(const struct request *request, struct digest_part secret,
    struct digest_part data, unsigned char *out, size_t out_len)
{
    unsigned char info[INFO_MAX];
    size_t len = encode_label(request, data, out_len, info);

    return len > 0 &&
        digest_hkdf_expand(
            request->digest, secret, (struct digest_part){info, len}, out, out_len);
}

/* Derive-Secret(previous, "derived", "") as the salt of HKDF-Extract (RFC 5869, 2.2); a
 * secret that is missing is zeros. */
static bool extract(const struct request *request, unsigned char *out, size_t out_len)
{
    static const unsigned char zeros[DIGEST_MAX];
    const struct digest *digest = request->digest;
    struct digest_part key = request->key, salt = {zeros, 0};
    unsigned char derived[DIGEST_MAX];
    bool ok = out_len == digest->len;

    if (key.data == NULL)
        key = (struct digest_part){zeros, digest->len};
    if (ok && request->salt.data != NULL) {
        struct digest_part nothing = {digest->of_nothing, digest->len};

        ok = expand(request, request->salt, nothing, derived, digest->len);
        salt = (struct digest_part){derived, digest->len};
    }
    ok = ok && digest_hmac(digest, salt, &key, 1, out);
    OPENSSL_cleanse(derived, sizeof(derived));
    return ok;
}

static bool read_mode(const OSSL_PARAM *param, int *mode)
{
    if (param->data_type != OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_get_int(param, mode) == 1;
    *mode = OPENSSL_strcasecmp(param->data, "EXTRACT_ONLY") == 0
        ? EVP_KDF_HKDF_MODE_EXTRACT_ONLY
        : OPENSSL_strcasecmp(param->data, "EXPAND_ONLY") == 0
        ? EVP_KDF_HKDF_MODE_EXPAND_ONLY
        : -1;
    return true;
}

static bool read_part(struct request *request, const OSSL_PARAM *param)
{
    const struct {
        const char *name;
        struct digest_part *part;
    } parts[] = {
        {OSSL_KDF_PARAM_KEY, &request->key},
        {OSSL_KDF_PARAM_SALT, &request->salt},
        {OSSL_KDF_PARAM_PREFIX, &request->prefix},
        {OSSL_KDF_PARAM_LABEL, &request->label},
        {OSSL_KDF_PARAM_DATA, &request->data},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(param->key, parts[i].name) == 0) {
            *parts[i].part = (struct digest_part){param->data, param->data_size};
            return param->data_type == OSSL_PARAM_OCTET_STRING;
        }
    }
    return true; /* the other provider functions do not concern us */
}

static bool read_request(struct request *request, const OSSL_PARAM params[])
{
    memset(request, 0, sizeof(*request));
    request->mode = -1;
    for (const OSSL_PARAM *p = params; p != NULL && p->key != NULL; p++) {
        bool ok = true;

        if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0)
            ok = read_mode(p, &request->mode);
        else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
            request->digest = digest_find(p->data);
        else
            ok = read_part(request, p);
        if (!ok)
            return false;
    }
    return request->digest != NULL;
}

static int derive(
    void *context, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
    struct request request;

    (void)context;
    if (!read_request(&request, params))
        return 0;
    if (request.mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
        return extract(&request, out, len);
    if (request.mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY || request.key.data == NULL ||
        !expand(&request, request.key, request.data, out, len))
        return 0;
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

const OSSL_DISPATCH key_schedule_functions[] = {
    DISPATCH(OSSL_FUNC_KDF_NEWCTX, context_new),
    DISPATCH(OSSL_FUNC_KDF_FREECTX, context_free),
    DISPATCH(OSSL_FUNC_KDF_DERIVE, derive),
    DISPATCH_END,
};
