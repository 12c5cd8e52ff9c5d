/*
 * provider.h - the two OpenSSL providers (provider(7)) that lead libssl to our
 * operations.
 *
 * OpenSSL takes the first provider that offers a TLS group, and the first that offers a
 * key type. So PROVIDER_GROUPS must come before OpenSSL's own, both in loading order and
 * in the order of names (OpenSSL 3.0 sorts); and PROVIDER_KEYS after it, so that only a
 * key that was put there (engine_adopt()) is handled there, and peers' public keys never.
 */
#ifndef WLBPROXY_CRYPTO_PROVIDER_H
#define WLBPROXY_CRYPTO_PROVIDER_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>

#define PROVIDER_GROUPS "curves"
#define PROVIDER_KEYS "wlbproxy"
#define PROVIDER_KEYS_QUERY "provider=" PROVIDER_KEYS

/* An octet_ptr parameter of import: the EVP_PKEY_CTX, ready to sign with the same key by
 * OpenSSL. The imported key owns it. */
#define PROVIDER_PARAM_ALONE "wlbproxy-alone"

/* An octet_ptr parameter to ask an EVP_PKEY for: the struct signing_key in it. */
#define PROVIDER_PARAM_KEY "wlbproxy-key"

OSSL_provider_init_fn provider_groups_init;
OSSL_provider_init_fn provider_keys_init;

/* The algorithm tables behind the two. */
extern const OSSL_ALGORITHM group_keymgmt[], group_keyexch[];
extern const OSSL_DISPATCH key_schedule_functions[], prf_functions[];
extern const OSSL_ALGORITHM signing_keymgmt[], signing_signature[];

#define DISPATCH_END                                                                     \
    {                                                                                    \
        0, NULL                                                                          \
    }
#define DISPATCH(id, function)                                                           \
    {                                                                                    \
        id, (void (*)(void))(function)                                                   \
    }

#endif
