/* KEYMGMT (provider-keymgmt(7)) of certificate keys. They come by import only: whole from
 * engine_adopt(), and their public part from OpenSSL when it compares them with a
 * certificate. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proxy/crypto/ecdsa_check.h"
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
    OPENSSL_secure_clear_free(key->rsa, sizeof(*key->rsa));
    OPENSSL_secure_clear_free(key->scalar, KEY_EXCHANGE_LIMBS_MAX * LIMB_BYTES);
    EVP_PKEY_CTX_free(key->alone);
    EVP_PKEY_CTX_free(key->check);
    ecdsa_check_free(key->quick_check);
    OPENSSL_free(key);
}

static int key_has(const void *data, int selection)
{
    const struct signing_key *key = data;

    return key != NULL &&
        ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || key->bits != 0) &&
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->alone != NULL);
}

static int key_match(const void *left, const void *right, int selection)
{
    const struct signing_key *a = left, *b = right;

    (void)selection; /* a public key contains its parameters */
    return a->bits != 0 && a->bits == b->bits && a->curve == b->curve &&
        memcmp(a->modulus, b->modulus, sizeof(a->modulus)) == 0 &&
        memcmp(a->point.x, b->point.x, sizeof(a->point.x)) == 0 &&
        memcmp(a->point.y, b->point.y, sizeof(a->point.y)) == 0;
}

/* A number of exactly `bits` bits (at most as many, if not `exact`). */
static bool get_number(
    const OSSL_PARAM params[], const char *name, uint64_t *limbs, int bits, bool exact)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    BIGNUM *number = BN_secure_new();
    int len = (bits + 63) / 64 * LIMB_BYTES;
    bool ok = p != NULL && number != NULL && OSSL_PARAM_get_BN(p, &number) == 1 &&
        (!exact || BN_num_bits(number) == bits) &&
        BN_bn2lebinpad(number, (unsigned char *)limbs, len) == len;

    BN_clear_free(number);
    return ok;
}

static bool take_alone(struct signing_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_ALONE);

    if (p == NULL || p->data_type != OSSL_PARAM_OCTET_PTR)
        return false;
    memcpy(&key->alone, p->data, sizeof(key->alone));
    if (key->alone == NULL)
        return false;
    key->check = signing_context_check(EVP_PKEY_CTX_get0_pkey(key->alone));
    if (key->curve != NULL)
        key->quick_check =
            ecdsa_check_new(key->curve, EVP_PKEY_CTX_get0_pkey(key->alone));
    return key->check != NULL;
}

static bool import_rsa_private(struct signing_key *key, const OSSL_PARAM params[])
{
    int half = key->bits / 2;

    key->rsa = OPENSSL_secure_zalloc(sizeof(*key->rsa));
    return key->rsa != NULL &&
        get_number(params, OSSL_PKEY_PARAM_RSA_FACTOR1, key->rsa->p, half, true) &&
        get_number(params, OSSL_PKEY_PARAM_RSA_FACTOR2, key->rsa->q, half, true) &&
        get_number(params, OSSL_PKEY_PARAM_RSA_EXPONENT1, key->rsa->dp, half, false) &&
        get_number(params, OSSL_PKEY_PARAM_RSA_EXPONENT2, key->rsa->dq, half, false) &&
        get_number(
            params, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, key->rsa->qinv, half, false) &&
        take_alone(key, params);
}

static int modulus_bits(const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
    BIGNUM *modulus = NULL;
    int bits =
        p != NULL && OSSL_PARAM_get_BN(p, &modulus) == 1 ? BN_num_bits(modulus) : 0;

    BN_free(modulus);
    return bits;
}

/* crypto_mb supports 2048, 3072 and 4096 bits, and two factors of equal size. */
static int import_rsa(void *data, int selection, const OSSL_PARAM params[])
{
    struct signing_key *key = data;
    int bits = modulus_bits(params);

    if (bits != 2048 && bits != 3072 && bits != 4096)
        return 0;
    key->bits = bits;
    return get_number(params, OSSL_PKEY_PARAM_RSA_N, key->modulus, bits, true) &&
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
            OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_D) == NULL ||
            import_rsa_private(key, params));
}

static bool import_curve(struct signing_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);

    for (size_t i = KEY_EXCHANGE_P384; p != NULL && i <= KEY_EXCHANGE_P256; i++) {
        if (p->data_type == OSSL_PARAM_UTF8_STRING &&
            strcmp(p->data, key_exchange_groups[i].real_name) == 0)
            key->curve = &key_exchange_groups[i];
    }
    return key->curve != NULL;
}

static bool import_ec_private(struct signing_key *key, const OSSL_PARAM params[])
{
    key->scalar = OPENSSL_secure_zalloc(KEY_EXCHANGE_LIMBS_MAX * LIMB_BYTES);
    return key->scalar != NULL &&
        get_number(params, OSSL_PKEY_PARAM_PRIV_KEY, key->scalar, (int)key->curve->bits,
            false) &&
        take_alone(key, params);
}

static int import_ec(void *data, int selection, const OSSL_PARAM params[])
{
    struct signing_key *key = data;
    const OSSL_PARAM *public = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);

    if (!import_curve(key, params) || public == NULL ||
        public->data_type != OSSL_PARAM_OCTET_STRING ||
        !key_exchange_decode(key->curve, &key->point, public->data, public->data_size))
        return 0;
    key->bits = (int)key->curve->bits;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY) == NULL ||
        import_ec_private(key, params);
}

/* The types that EVP_PKEY_fromdata() and the export from OpenSSL's own keys need. */
static const OSSL_PARAM *import_types_rsa(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0),
        OSSL_PARAM_octet_ptr(PROVIDER_PARAM_ALONE, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

static const OSSL_PARAM *import_types_ec(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
        OSSL_PARAM_octet_ptr(PROVIDER_PARAM_ALONE, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

/* NIST SP 800-57, table 2, with OpenSSL's figure for 4096. */
static int security_bits(const struct signing_key *key)
{
    if (key->curve != NULL)
        return (int)key->curve->security_bits;
    return key->bits == 2048 ? 112 : key->bits == 3072 ? 128 : 152;
}

/* The longest DER-encoded ECDSA signature: two integers with a sign byte each, and three
 * headers. */
static int signature_len(const struct signing_key *key)
{
    return key->curve != NULL ? 2 * ((int)key->curve->secret_len + 3) + 2 : key->bits / 8;
}

static int get_point(const struct signing_key *key, OSSL_PARAM *param)
{
    unsigned char encoded[KEY_EXCHANGE_PUBLIC_MAX];

    key_exchange_encode(key->curve, &key->point, encoded);
    return OSSL_PARAM_set_octet_string(param, encoded, key->curve->public_len);
}

static int get_ec_param(const struct signing_key *key, OSSL_PARAM *p)
{
    if (key->curve == NULL)
        return 1;
    if (strcmp(p->key, OSSL_PKEY_PARAM_GROUP_NAME) == 0)
        return OSSL_PARAM_set_utf8_string(p, key->curve->real_name);
    if (strcmp(p->key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT) == 0)
        return OSSL_PARAM_set_utf8_string(p, "uncompressed");
    if (strcmp(p->key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY) == 0)
        return get_point(key, p);
    return 1;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct signing_key *key = data;

    for (OSSL_PARAM *p = params; p->key != NULL; p++) {
        int ok;

        if (strcmp(p->key, OSSL_PKEY_PARAM_BITS) == 0)
            ok = OSSL_PARAM_set_int(p, key->bits);
        else if (strcmp(p->key, OSSL_PKEY_PARAM_SECURITY_BITS) == 0)
            ok = OSSL_PARAM_set_int(p, security_bits(key));
        else if (strcmp(p->key, OSSL_PKEY_PARAM_MAX_SIZE) == 0)
            ok = OSSL_PARAM_set_int(p, signature_len(key));
        else if (strcmp(p->key, OSSL_PKEY_PARAM_DEFAULT_DIGEST) == 0)
            ok = OSSL_PARAM_set_utf8_string(p, "SHA256");
        else if (strcmp(p->key, PROVIDER_PARAM_KEY) == 0)
            ok = OSSL_PARAM_set_octet_ptr(p, key, sizeof(*key));
        else
            ok = get_ec_param(key, p);
        if (!ok)
            return 0;
    }
    return 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_ptr(PROVIDER_PARAM_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *name_rsa(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "wlb-RSA" : "RSA";
}

static const char *name_ec(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "wlb-ECDSA" : "EC";
}

#define KEYMGMT(kind)                                                                    \
    static const OSSL_DISPATCH keymgmt_##kind[] = {                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_new),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                    \
        DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                          \
        DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                       \
        DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT, import_##kind),                               \
        DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types_##kind),                   \
        DISPATCH(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, name_##kind),                   \
        DISPATCH_END,                                                                    \
    };

KEYMGMT(rsa)
KEYMGMT(ec)

/* By the second names libssl 3.2 and later know a key's type. */
const OSSL_ALGORITHM signing_keymgmt[] = {
    {"RSA:rsaEncryption", PROVIDER_KEYS_QUERY, keymgmt_rsa, NULL},
    {"EC:id-ecPublicKey", PROVIDER_KEYS_QUERY, keymgmt_ec, NULL},
    {NULL, NULL, NULL, NULL},
};
