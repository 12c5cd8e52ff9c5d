/* SIGNATURE (provider-signature(7)): digests, pads, and hands on to an operation. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "proxy/crypto/provider.h"
#include "proxy/crypto/signing_request.h"

struct signature_context {
    const struct signing_key *key; /* kept by the EVP_PKEY_CTX around us */
    const struct digest *digest;
    int padding;
};

static void *context_new(void *provider, const char *query)
{
    struct signature_context *context = OPENSSL_zalloc(sizeof(*context));

    (void)provider;
    (void)query;
    if (context != NULL)
        context->padding = RSA_PKCS1_PADDING;
    return context;
}

static void context_free(void *context)
{
    OPENSSL_free(context);
}

static void *context_dup(void *context)
{
    return OPENSSL_memdup(context, sizeof(struct signature_context));
}

static bool set_padding(struct signature_context *context, const OSSL_PARAM *p)
{
    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        context->padding = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
            ? RSA_PKCS1_PSS_PADDING
            : RSA_PKCS1_PADDING;
    else if (OSSL_PARAM_get_int(p, &context->padding) != 1)
        return false;
    return context->padding == RSA_PKCS1_PADDING ||
        context->padding == RSA_PKCS1_PSS_PADDING;
}

/* TLS knows one length only: the digest's. */
static bool accept_salt_len(const struct signature_context *context, const OSSL_PARAM *p)
{
    int len = 0;

    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        if (strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0)
            return true;
        len = atoi(p->data);
    } else if (OSSL_PARAM_get_int(p, &len) != 1) {
        return false;
    }
    return len == RSA_PSS_SALTLEN_DIGEST ||
        (context->digest != NULL && (size_t)len == context->digest->len);
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    struct signature_context *context = data;
    const OSSL_PARAM *padding, *salt_len;

    if (params == NULL)
        return 1;
    padding = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    salt_len = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    return (padding == NULL || set_padding(context, padding)) &&
        (salt_len == NULL || accept_salt_len(context, salt_len));
}

static const OSSL_PARAM *settable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return params;
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature_context *context = data;

    if (key != NULL)
        context->key = key;
    context->digest = digest != NULL ? digest_find(digest) : NULL;
    return context->key != NULL && context->key->alone != NULL &&
        context->digest != NULL && set_params(context, params);
}

/* The request is on the stack of the handshake, which stays while it pauses. */
static int sign(void *data, unsigned char *signature, size_t *len, size_t room,
    const unsigned char *message, size_t message_len)
{
    const struct signature_context *context = data;
    const struct digest_part all = {message, message_len};
    const struct signing_job *job;
    struct signing_request request = {0};

    if (signature == NULL) {
        *len = context->key->curve != NULL ? 2 * (context->key->curve->secret_len + 3) + 2
                                           : (size_t)context->key->bits / 8;
        return 1;
    }
    if (!digest_parts(context->digest, &all, 1, request.hash) ||
        !signing_request_init(&request, context->key, context->digest,
            context->padding == RSA_PKCS1_PSS_PADDING) ||
        !operation_perform(&request.operation))
        return 0;
    job = &request.operation.job.signing;
    if (job->signature_len > room)
        return 0;
    memcpy(signature, request.signature, job->signature_len);
    *len = job->signature_len;
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    DISPATCH(OSSL_FUNC_SIGNATURE_NEWCTX, context_new),
    DISPATCH(OSSL_FUNC_SIGNATURE_FREECTX, context_free),
    DISPATCH(OSSL_FUNC_SIGNATURE_DUPCTX, context_dup),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
    DISPATCH(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_params),
    DISPATCH(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable),
    DISPATCH_END,
};

const OSSL_ALGORITHM signing_signature[] = {
    {"wlb-RSA", PROVIDER_KEYS_QUERY, functions, NULL},
    {"wlb-ECDSA", PROVIDER_KEYS_QUERY, functions, NULL},
    {NULL, NULL, NULL, NULL},
};
