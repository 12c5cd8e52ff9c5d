/* SIGNATURE (provider-signature(7)): digests, pads, and performs an operation. For a
 * remote key the signer pads. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "proxy/crypto/engine.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/signature_scheme.h"
#include "proxy/crypto/signing_request.h"
#include "proxy/crypto/signing_wire.h"

struct signature_context {
    const struct signing_key *key; /* the EVP_PKEY_CTX around us keeps it */
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

static bool is_named(const char *digest)
{
    return digest != NULL && digest[0] != '\0' && strcmp(digest, "UNDEF") != 0;
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

/* Only a key for RSA-PSS alone may insist on a digest; its public half knows which. */
static bool takes_digest(const struct signing_key *key, const char *digest)
{
    return strcmp(key->type, "RSA-PSS") != 0 ||
        EVP_PKEY_digestsign_supports_digest(key->public, engine_libctx(), digest, NULL) ==
        1;
}

static int remote_init(
    void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature_context *context = data;

    if (key != NULL)
        context->key = key;
    if (context->key == NULL || context->key->remote == 0)
        return 0;
    if (key != NULL && strcmp(context->key->type, "RSA-PSS") == 0)
        context->padding = RSA_PKCS1_PSS_PADDING;
    context->digest = is_named(digest) ? digest_find(digest) : NULL;
    if (is_named(digest) &&
        (context->digest == NULL || !takes_digest(context->key, digest)))
        return 0;
    return set_params(context, params);
}

static const struct signature_scheme *remote_scheme(
    const struct signature_context *context)
{
    const char *type = context->key->type;
    const char *digest = context->digest != NULL ? context->digest->names[0] : NULL;

    return signature_scheme_for(type,
        digest == NULL                                  ? SIGNATURE_EDDSA
            : strcmp(type, "EC") == 0                   ? SIGNATURE_ECDSA
            : context->padding == RSA_PKCS1_PSS_PADDING ? SIGNATURE_PSS
                                                        : SIGNATURE_PKCS1,
        digest);
}

/* The request is on the stack of the handshake, which stays while it pauses. */
static bool perform(
    struct signing_request *request, unsigned char *signature, size_t *len, size_t room)
{
    const struct signing_job *job = &request->operation.job.signing;

    if (!operation_perform(&request->operation) || job->signature_len > room)
        return false;
    memcpy(signature, request->signature, job->signature_len);
    *len = job->signature_len;
    return true;
}

/* EdDSA signs the caller's own buffer, which stays while the caller waits. */
static int remote_sign(void *data, unsigned char *signature, size_t *len, size_t room,
    const unsigned char *message, size_t message_len)
{
    const struct signature_context *context = data;
    const struct signature_scheme *scheme = remote_scheme(context);
    const struct digest_part all = {message, message_len};
    struct signing_request request = {0};

    if (signature == NULL) {
        *len = (size_t)EVP_PKEY_get_size(context->key->public);
        return 1;
    }
    /* In TLS 1.2 a client signs its whole handshake with EdDSA, which has no digest: that
     * is too long for the signer. */
    if (scheme == NULL || (context->digest == NULL && message_len > SIGNING_INPUT_MAX) ||
        (context->digest != NULL &&
            !digest_parts(context->digest, &all, 1, request.hash)))
        return 0;
    signing_request_init_remote(&request, context->key, scheme->id,
        context->digest != NULL ? request.hash : message,
        context->digest != NULL ? context->digest->len : message_len);
    return perform(&request, signature, len, room);
}

static int sign(void *data, unsigned char *signature, size_t *len, size_t room,
    const unsigned char *message, size_t message_len)
{
    const struct signature_context *context = data;
    const struct digest_part all = {message, message_len};
    struct signing_request request = {0};

    if (signature == NULL) {
        *len = context->key->curve != NULL ? 2 * (context->key->curve->secret_len + 3) + 2
                                           : (size_t)context->key->bits / 8;
        return 1;
    }
    return digest_parts(context->digest, &all, 1, request.hash) &&
        signing_request_init(&request, context->key, context->digest,
            context->padding == RSA_PKCS1_PSS_PADDING) &&
        perform(&request, signature, len, room);
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

static const OSSL_DISPATCH remote_functions[] = {
    DISPATCH(OSSL_FUNC_SIGNATURE_NEWCTX, context_new),
    DISPATCH(OSSL_FUNC_SIGNATURE_FREECTX, context_free),
    DISPATCH(OSSL_FUNC_SIGNATURE_DUPCTX, context_dup),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, remote_init),
    DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, remote_sign),
    DISPATCH(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_params),
    DISPATCH(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable),
    DISPATCH_END,
};

const OSSL_ALGORITHM remote_signature[] = {
    {REMOTE_SIGNATURE, PROVIDER_REMOTE_PROPERTIES, remote_functions, NULL},
    {NULL, NULL, NULL, NULL},
};
