/*
 * provider.h - the OpenSSL providers (provider(7)) through which libssl reaches our
 * operations.
 *
 * OpenSSL takes the first provider that offers a TLS group, and the first that offers a
 * key type. So PROVIDER_GROUPS must come before OpenSSL's own, both in loading order and
 * in the order of names (OpenSSL 3.0 sorts). PROVIDER_KEYS must come after it, so that it
 * handles only keys that engine_adopt() has put there, and never peers' public keys.
 * Where the signer has the private keys, PROVIDER_REMOTE replaces PROVIDER_KEYS.
 */
#ifndef WLBPROXY_CRYPTO_PROVIDER_H
#define WLBPROXY_CRYPTO_PROVIDER_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>

#define PROVIDER_GROUPS "curves"
#define PROVIDER_KEYS "wlbproxy"
#define PROVIDER_KEYS_QUERY "provider=" PROVIDER_KEYS

/* Its operations count as FIPS: the signer makes the signatures, and its OpenSSL is
 * configured like ours. */
#define PROVIDER_REMOTE "wlbproxy-remote"
#define PROVIDER_REMOTE_PROPERTIES "provider=" PROVIDER_REMOTE ",fips=yes"
#define PROVIDER_REMOTE_QUERY "provider=" PROVIDER_REMOTE
#define REMOTE_SIGNATURE "wlb-remote"

/* A uint64 parameter of import: the number by which the signer knows the key. */
#define PROVIDER_PARAM_NUMBER "wlbproxy-number"

/* An octet_ptr parameter of import: the EVP_PKEY_CTX, ready to sign with the same key by
 * OpenSSL. The imported key owns it. */
#define PROVIDER_PARAM_ALONE "wlbproxy-alone"

/* An octet_ptr parameter for reading an EVP_PKEY: the struct signing_key in it. */
#define PROVIDER_PARAM_KEY "wlbproxy-key"

OSSL_provider_init_fn provider_groups_init;
OSSL_provider_init_fn provider_keys_init;
OSSL_provider_init_fn provider_remote_init;

/* Makes a key of PROVIDER_REMOTE with this public half. NULL: we do not have this
 * kind. */
EVP_PKEY *remote_key(EVP_PKEY *public, uint64_t number);

/* The algorithm tables of the providers. */
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
