/*
 * provider.h - the OpenSSL providers (provider(7)) that lead libssl to our operations.
 *
 * OpenSSL takes the first provider that offers a TLS group, and the first that offers a
 * key type. So PROVIDER_GROUPS must come before OpenSSL's own, both in loading order and
 * in the order of names (OpenSSL 3.0 sorts); and PROVIDER_KEYS after it, so that only a
 * key that was put there (engine_adopt()) is handled there, and peers' public keys never.
 * Where the signer has the private keys, PROVIDER_REMOTE takes the latter's place.
 */
#ifndef WLBPROXY_CRYPTO_PROVIDER_H
#define WLBPROXY_CRYPTO_PROVIDER_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>

#define PROVIDER_GROUPS "curves"
#define PROVIDER_KEYS "wlbproxy"
#define PROVIDER_KEYS_QUERY "provider=" PROVIDER_KEYS

/* What it does counts as FIPS: by whom the signer signs is the signer's affair, and its
 * OpenSSL is configured as ours is. */
#define PROVIDER_REMOTE "wlbproxy-remote"
#define PROVIDER_REMOTE_PROPERTIES "provider=" PROVIDER_REMOTE ",fips=yes"
#define PROVIDER_REMOTE_QUERY "provider=" PROVIDER_REMOTE
#define REMOTE_SIGNATURE "wlb-remote"

/* A uint64 parameter of import: what the signer knows the key by. */
#define PROVIDER_PARAM_NUMBER "wlbproxy-number"

/* An octet_ptr parameter of import: the EVP_PKEY_CTX, ready to sign with the same key by
 * OpenSSL. The imported key owns it. */
#define PROVIDER_PARAM_ALONE "wlbproxy-alone"

/* An octet_ptr parameter to ask an EVP_PKEY for: the struct signing_key in it. */
#define PROVIDER_PARAM_KEY "wlbproxy-key"

OSSL_provider_init_fn provider_groups_init;
OSSL_provider_init_fn provider_keys_init;
OSSL_provider_init_fn provider_remote_init;

/* A key of PROVIDER_REMOTE with this public half. NULL: not a kind that we have. */
EVP_PKEY *remote_key(EVP_PKEY *public, uint64_t number);

/* The algorithm tables behind them. */
extern const OSSL_ALGORITHM group_keymgmt[], group_keyexch[];
extern const OSSL_DISPATCH key_schedule_functions[], prf_functions[];
extern const OSSL_ALGORITHM signing_keymgmt[], signing_signature[];
extern const OSSL_ALGORITHM remote_keymgmt[], remote_signature[];

#define DISPATCH_END                                                                     \
    {                                                                                    \
        0, NULL                                                                          \
    }
#define DISPATCH(id, function)                                                           \
    {                                                                                    \
        id, (void (*)(void))(function)                                                   \
    }

#endif
