/* KEYMGMT (provider-keymgmt(7)) of keys whose private half the signer has. The public
 * half, which is OpenSSL's, answers every question about such a key. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proxy/crypto/engine.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/signing.h"

static void *key_new(void *provider)
{
    (void)provider;
    return OPENSSL_zalloc(sizeof(struct signing_key));
}

static void key_free(void *data)
{
    struct signing_key *key = data;

    if (key == NULL)
        return;
    EVP_PKEY_free(key->public);
    OPENSSL_free(key);
}

static int key_has(const void *data, int selection)
{
    const struct signing_key *key = data;

    return key != NULL && key->public != NULL &&
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->remote != 0);
}

static int key_match(const void *left, const void *right, int selection)
{
    const struct signing_key *a = left, *b = right;

    (void)selection; /* the public half contains the parameters */
    return a->public != NULL && b->public != NULL &&
        EVP_PKEY_eq(a->public, b->public) == 1;
}

static void take_number(struct signing_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_NUMBER);

    if (p != NULL && OSSL_PARAM_get_uint64(p, &key->remote) != 1)
        key->remote = 0;
}

static void take_curve(struct signing_key *key)
{
    char name[32];

    for (size_t i = KEY_EXCHANGE_P384; i <= KEY_EXCHANGE_P256; i++) {
        if (EVP_PKEY_get_group_name(key->public, name, sizeof(name), NULL) == 1 &&
            strcmp(name, key_exchange_groups[i].real_name) == 0)
            key->curve = &key_exchange_groups[i];
    }
}

/* From the number and the public half, or from the public half alone, which comes from a
 * certificate and is compared. */
static int import(struct signing_key *key, const char *type, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(engine_libctx(), type, "provider!=" PROVIDER_REMOTE);

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key->public, EVP_PKEY_PUBLIC_KEY,
            (OSSL_PARAM *)(uintptr_t)params) != 1)
        key->public = NULL;
    EVP_PKEY_CTX_free(context);
    if (key->public == NULL)
        return 0;
    key->type = type;
    key->bits = EVP_PKEY_get_bits(key->public);
    take_number(key, params);
    if (strcmp(type, "EC") == 0)
        take_curve(key);
    return 1;
}

static const OSSL_PARAM *import_types(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_uint64(PROVIDER_PARAM_NUMBER, NULL),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct signing_key *key = data;
    OSSL_PARAM *own = OSSL_PARAM_locate(params, PROVIDER_PARAM_KEY);

    return key->public != NULL &&
        (own == NULL || OSSL_PARAM_set_octet_ptr(own, key, sizeof(*key)) == 1) &&
        EVP_PKEY_get_params(key->public, params) == 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_ptr(PROVIDER_PARAM_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? REMOTE_SIGNATURE : NULL;
}

#define KEYMGMT(kind, type)                                                              \
    static int import_##kind(void *data, int selection, const OSSL_PARAM params[])       \
    {                                                                                    \
        (void)selection;                                                                 \
        return import(data, type, params);                                               \
    }                                                                                    \
    static const OSSL_DISPATCH keymgmt_##kind[] = {                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_new),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                    \
        DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                          \
        DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                       \
        DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT, import_##kind),                               \
        DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types),                          \
        DISPATCH(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name),                \
        DISPATCH_END,                                                                    \
    };

KEYMGMT(rsa, "RSA")
KEYMGMT(rsa_pss, "RSA-PSS")
KEYMGMT(ec, "EC")
KEYMGMT(ed25519, "ED25519")
KEYMGMT(ed448, "ED448")

/* By the second names libssl 3.2 and later know a key's type. */
const OSSL_ALGORITHM remote_keymgmt[] = {
    {"RSA:rsaEncryption", PROVIDER_REMOTE_PROPERTIES, keymgmt_rsa, NULL},
    {"RSA-PSS:RSASSA-PSS", PROVIDER_REMOTE_PROPERTIES, keymgmt_rsa_pss, NULL},
    {"EC:id-ecPublicKey", PROVIDER_REMOTE_PROPERTIES, keymgmt_ec, NULL},
    {"ED25519", PROVIDER_REMOTE_PROPERTIES, keymgmt_ed25519, NULL},
    {"ED448", PROVIDER_REMOTE_PROPERTIES, keymgmt_ed448, NULL},
    {NULL, NULL, NULL, NULL},
};

EVP_PKEY *remote_key(EVP_PKEY *public, uint64_t number)
{
    const char *type = EVP_PKEY_get0_type_name(public);
    EVP_PKEY_CTX *context = type == NULL
        ? NULL
        : EVP_PKEY_CTX_new_from_name(engine_libctx(), type, PROVIDER_REMOTE_QUERY);
    OSSL_PARAM extra[] = {
        OSSL_PARAM_construct_uint64(PROVIDER_PARAM_NUMBER, &number),
        OSSL_PARAM_construct_end(),
    };
    OSSL_PARAM *half = NULL, *all = NULL;
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &half) == 1)
        all = OSSL_PARAM_merge(half, extra);
    if (context == NULL || all == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, all) != 1)
        key = NULL;
    OPENSSL_free(all);
    OSSL_PARAM_free(half);
    EVP_PKEY_CTX_free(context);
    return key;
}
