#include "proxy/crypto/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include "proxy/crypto/operation.h"

/* Without a group's parameters here libssl would refuse the whole provider. */
static int tell_group(
    const struct key_exchange_group *group, OSSL_CALLBACK *callback, void *arg)
{
    unsigned id = group->tls_id, security_bits = group->security_bits;
    int min_tls = TLS1_VERSION, max_tls = 0, none = -1;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_CAPABILITY_TLS_GROUP_NAME, (char *)(uintptr_t)group->tls_name, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL,
            (char *)(uintptr_t)group->real_name, 0),
        OSSL_PARAM_construct_utf8_string(
            OSSL_CAPABILITY_TLS_GROUP_ALG, (char *)(uintptr_t)group->algorithm, 0),
        OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
        OSSL_PARAM_construct_uint(
            OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &security_bits),
        OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &min_tls),
        OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &max_tls),
        OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &none),
        OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &none),
        OSSL_PARAM_construct_end(),
    };

    return callback(params, arg);
}

static int get_capabilities(
    void *provider, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
    (void)provider;
    if (OPENSSL_strcasecmp(capability, "TLS-GROUP") != 0)
        return 0;
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (operation_is_ours((enum operation_kind)i) &&
            !tell_group(&key_exchange_groups[i], callback, arg))
            return 0;
    }
    return 1;
}

static const OSSL_ALGORITHM kdfs[] = {
    {"TLS13-KDF", "provider=" PROVIDER_GROUPS, key_schedule_functions, NULL},
    {"TLS1-PRF", "provider=" PROVIDER_GROUPS, prf_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query_groups(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return group_keymgmt;
    if (operation == OSSL_OP_KDF)
        return kdfs;
    return operation == OSSL_OP_KEYEXCH ? group_keyexch : NULL;
}

static const OSSL_ALGORITHM *query_keys(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return signing_keymgmt;
    return operation == OSSL_OP_SIGNATURE ? signing_signature : NULL;
}

static const OSSL_ALGORITHM *query_remote(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return remote_keymgmt;
    return operation == OSSL_OP_SIGNATURE ? remote_signature : NULL;
}

/* The only state is the engine's, so any pointer will do as the provider's own. */
int provider_groups_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **functions, void **provider)
{
    static const OSSL_DISPATCH table[] = {
        DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_groups),
        DISPATCH(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, get_capabilities),
        DISPATCH_END,
    };

    (void)core;
    *functions = table;
    *provider = (void *)(uintptr_t)handle;
    return 1;
}

int provider_keys_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **functions, void **provider)
{
    static const OSSL_DISPATCH table[] = {
        DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_keys),
        DISPATCH_END,
    };

    (void)core;
    *functions = table;
    *provider = (void *)(uintptr_t)handle;
    return 1;
}

int provider_remote_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **functions, void **provider)
{
    static const OSSL_DISPATCH table[] = {
        DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_remote),
        DISPATCH_END,
    };

    (void)core;
    *functions = table;
    *provider = (void *)(uintptr_t)handle;
    return 1;
}
