/* KEYMGMT (provider-keymgmt(7)) and KEYEXCH (provider-keyexch(7)) of the TLS groups. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/provider.h"

struct group_key {
    const struct key_exchange_group *group;
    bool has_public, has_private;
    struct key_exchange_key key;
};

static void *key_new(const struct key_exchange_group *group)
{
    struct group_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key != NULL)
        key->group = group;
    return key;
}

static void key_free(void *key)
{
    OPENSSL_clear_free(key, sizeof(struct group_key));
}

/* libssl also asks about keys without data: they have nothing. */
static int key_has(const void *data, int selection)
{
    const struct group_key *key = data;

    return key != NULL &&
        ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || key->has_public) &&
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->has_private);
}

static int key_match(const void *left, const void *right, int selection)
{
    const struct group_key *a = left, *b = right;

    if (a->group != b->group)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
        return 1;
    return a->has_public && b->has_public &&
        memcmp(a->key.x, b->key.x, sizeof(a->key.x)) == 0 &&
        memcmp(a->key.y, b->key.y, sizeof(a->key.y)) == 0;
}

/* A selection of parameters alone makes an empty key of the same group, which a server
 * needs for its peer. */
static void *key_dup(const void *data, int selection)
{
    const struct group_key *key = data;
    struct group_key *copy = key_new(key->group);

    if (copy == NULL || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
        return copy;
    *copy = *key;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0) {
        OPENSSL_cleanse(copy->key.scalar, sizeof(copy->key.scalar));
        copy->has_private = false;
    }
    return copy;
}

static int get_encoded(const struct group_key *key, OSSL_PARAM *param)
{
    unsigned char encoded[KEY_EXCHANGE_PUBLIC_MAX];

    if (!key->has_public)
        return 0;
    key_exchange_encode(key->group, &key->key, encoded);
    return OSSL_PARAM_set_octet_string(param, encoded, key->group->public_len);
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct group_key *key = data;
    const struct key_exchange_group *group = key->group;
    OSSL_PARAM *p;

    for (p = params; p->key != NULL; p++) {
        int ok = 1;

        if (strcmp(p->key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY) == 0)
            ok = get_encoded(key, p);
        else if (strcmp(p->key, OSSL_PKEY_PARAM_BITS) == 0)
            ok = OSSL_PARAM_set_uint(p, group->bits);
        else if (strcmp(p->key, OSSL_PKEY_PARAM_SECURITY_BITS) == 0)
            ok = OSSL_PARAM_set_uint(p, group->security_bits);
        else if (strcmp(p->key, OSSL_PKEY_PARAM_MAX_SIZE) == 0)
            ok = OSSL_PARAM_set_size_t(p, group->secret_len);
        else if (strcmp(p->key, OSSL_PKEY_PARAM_GROUP_NAME) == 0)
            ok = OSSL_PARAM_set_utf8_string(p, group->real_name);
        if (!ok)
            return 0;
    }
    return 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_uint(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_uint(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_size_t(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static int key_set_params(void *data, const OSSL_PARAM params[])
{
    struct group_key *key = data;
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);

    if (p == NULL)
        return 1;
    if (key->has_private || p->data_type != OSSL_PARAM_OCTET_STRING)
        return 0; /* our keys are generated, never set */
    key->has_public = key_exchange_decode(key->group, &key->key, p->data, p->data_size);
    return key->has_public;
}

static const OSSL_PARAM *key_settable(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

/* The result of a generation: a key, or (for a TLS 1.3 peer's share) an empty key of the
 * group. All variants are static, so that nothing is allocated. */
static const struct generation {
    const struct key_exchange_group *group;
    bool with_key;
} generations[KEY_EXCHANGE_GROUPS][2] = {
    {{&key_exchange_groups[0], false}, {&key_exchange_groups[0], true}},
    {{&key_exchange_groups[1], false}, {&key_exchange_groups[1], true}},
    {{&key_exchange_groups[2], false}, {&key_exchange_groups[2], true}},
};

static void *gen_init(size_t group, int selection)
{
    bool with_key = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;

    return (void *)(uintptr_t)&generations[group][with_key];
}

static int gen_set_params(void *data, const OSSL_PARAM params[])
{
    const struct generation *generation = data;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);

    return p == NULL ||
        (p->data_type == OSSL_PARAM_UTF8_STRING &&
            OPENSSL_strcasecmp(p->data, generation->group->real_name) == 0);
}

static const OSSL_PARAM *gen_settable(void *generation, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END};

    (void)generation;
    (void)provider;
    return params;
}

static void *gen(void *data, OSSL_CALLBACK *callback, void *arg)
{
    const struct generation *generation = data;
    struct group_key *key = key_new(generation->group);

    (void)callback;
    (void)arg;
    if (key == NULL || !generation->with_key)
        return key;
    if (!key_pool_take(key->group, &key->key)) {
        key_free(key);
        return NULL;
    }
    key->has_public = key->has_private = true;
    return key;
}

static void gen_cleanup(void *generation)
{
    (void)generation;
}

struct key_exchange_context {
    const struct group_key *own; /* the EVP_PKEY_CTX around us keeps it */
    struct key_exchange_key peer;
    bool has_peer;
};

static void *exchange_new(void *provider)
{
    (void)provider;
    return OPENSSL_zalloc(sizeof(struct key_exchange_context));
}

static void exchange_free(void *context)
{
    OPENSSL_free(context);
}

static int key_exchange_init(void *context, void *own, const OSSL_PARAM params[])
{
    (void)params;
    ((struct key_exchange_context *)context)->own = own;
    return key_has(own, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

static int key_exchange_set_peer(void *data, void *peer)
{
    struct key_exchange_context *context = data;
    const struct group_key *key = peer;

    if (!key_has(key, OSSL_KEYMGMT_SELECT_PUBLIC_KEY) ||
        key->group != context->own->group)
        return 0;
    context->peer = key->key;
    context->has_peer = true;
    return 1;
}

static int key_exchange_perform(
    void *data, unsigned char *secret, size_t *len, size_t room)
{
    const struct key_exchange_context *context = data;
    const struct key_exchange_group *group = context->own->group;
    struct operation operation = {
        .kind = (enum operation_kind)(group - key_exchange_groups),
        .job.exchange = {.own = &context->own->key,
            .peer = &context->peer,
            .secret = secret},
    };

    *len = group->secret_len;
    if (secret == NULL)
        return 1;
    return context->has_peer && room >= group->secret_len &&
        operation_perform(&operation);
}

/* OpenSSL does not tell a constructor its algorithm, so each group has one. */
#define GROUP(name, index)                                                               \
    static void *key_new_##name(void *provider)                                          \
    {                                                                                    \
        (void)provider;                                                                  \
        return key_new(&key_exchange_groups[index]);                                     \
    }                                                                                    \
    static void *gen_init_##name(                                                        \
        void *provider, int selection, const OSSL_PARAM params[])                        \
    {                                                                                    \
        (void)provider;                                                                  \
        (void)params;                                                                    \
        return gen_init(index, selection);                                               \
    }                                                                                    \
    static const OSSL_DISPATCH keymgmt_##name[] = {                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_new_##name),                                 \
        DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),                                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                    \
        DISPATCH(OSSL_FUNC_KEYMGMT_DUP, key_dup),                                        \
        DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                          \
        DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                       \
        DISPATCH(OSSL_FUNC_KEYMGMT_SET_PARAMS, key_set_params),                          \
        DISPATCH(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, key_settable),                       \
        DISPATCH(OSSL_FUNC_KEYMGMT_GEN_INIT, gen_init_##name),                           \
        DISPATCH(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, gen_set_params),                      \
        DISPATCH(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, gen_settable),                   \
        DISPATCH(OSSL_FUNC_KEYMGMT_GEN, gen),                                            \
        DISPATCH(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, gen_cleanup),                            \
        DISPATCH_END,                                                                    \
    };

GROUP(p384, KEY_EXCHANGE_P384)
GROUP(p256, KEY_EXCHANGE_P256)

static const OSSL_DISPATCH keyexch[] = {
    DISPATCH(OSSL_FUNC_KEYEXCH_NEWCTX, exchange_new),
    DISPATCH(OSSL_FUNC_KEYEXCH_FREECTX, exchange_free),
    DISPATCH(OSSL_FUNC_KEYEXCH_INIT, key_exchange_init),
    DISPATCH(OSSL_FUNC_KEYEXCH_SET_PEER, key_exchange_set_peer),
    DISPATCH(OSSL_FUNC_KEYEXCH_DERIVE, key_exchange_perform),
    DISPATCH_END,
};

#define PROPERTIES "provider=" PROVIDER_GROUPS

const OSSL_ALGORITHM group_keymgmt[] = {
    {"wlb-P-384", PROPERTIES, keymgmt_p384, NULL},
    {"wlb-P-256", PROPERTIES, keymgmt_p256, NULL},
    {NULL, NULL, NULL, NULL},
};

const OSSL_ALGORITHM group_keyexch[] = {
    {"wlb-P-384", PROPERTIES, keyexch, NULL},
    {"wlb-P-256", PROPERTIES, keyexch, NULL},
    {NULL, NULL, NULL, NULL},
};
