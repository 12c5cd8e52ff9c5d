/* SIGNATURE (provider-signature(7)): digests, pads, and hands on to an operation. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "proxy/crypto/engine.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/padding.h"
#include "proxy/crypto/provider.h"

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

static enum operation_kind kind_of(const struct signing_key *key)
{
    if (key->curve != NULL)
        return key->curve == &exchange_groups[EXCHANGE_P256] ? OPERATION_P256_SIGN
                                                             : OPERATION_P384_SIGN;
    return key->bits == 2048 ? OPERATION_RSA_2048
        : key->bits == 3072  ? OPERATION_RSA_3072
                             : OPERATION_RSA_4096;
}

static bool pad(const struct signature_context *context, const unsigned char *hash,
    unsigned char *block, size_t len)
{
    if (context->padding == RSA_PKCS1_PSS_PADDING)
        return padding_pss(context->digest, engine_libctx(), hash, block, len);
    return padding_pkcs1(context->digest, hash, block, len);
}

/* The buffers are on the stack of the handshake, which stays while it pauses. */
static int sign_hash(const struct signature_context *context, const unsigned char *hash,
    unsigned char *signature, size_t *len)
{
    unsigned char block[SIGNATURE_MAX];
    struct operation operation = {
        .kind = kind_of(context->key),
        .job.signing = {.key = context->key, .signature = signature},
    };
    struct signing_job *job = &operation.job.signing;

    job->input = hash;
    job->input_len = context->digest->len;
    if (context->key->curve == NULL) {
        job->input = block;
        job->input_len = (size_t)context->key->bits / 8;
        if (!pad(context, hash, block, job->input_len))
            return 0;
    }
    if (!operation_perform(&operation))
        return 0;
    *len = job->signature_len;
    return 1;
}

static int sign(void *data, unsigned char *signature, size_t *len, size_t room,
    const unsigned char *message, size_t message_len)
{
    const struct signature_context *context = data;
    const struct digest_part all = {message, message_len};
    unsigned char hash[DIGEST_MAX], made[SIGNATURE_MAX];
    size_t most = context->key->curve != NULL
        ? 2 * (context->key->curve->secret_len + 3) + 2
        : (size_t)context->key->bits / 8;

    if (signature == NULL) {
        *len = most;
        return 1;
    }
    if (!digest_parts(context->digest, &all, 1, hash) ||
        !sign_hash(context, hash, made, len) || *len > room)
        return 0;
    memcpy(signature, made, *len);
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
