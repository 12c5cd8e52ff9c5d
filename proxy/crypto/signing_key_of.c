/* Converts OpenSSL's form of a certificate's key to ours: the key that engine_adopt()
 * made, or without batches a key that signs alone. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/ecdsa_check.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/signing.h"

static const struct signing_key *adopted(EVP_PKEY *key)
{
    void *found = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_ptr(PROVIDER_PARAM_KEY, &found, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_PKEY_get_params(key, params) == 1 ? found : NULL;
}

static void free_key(struct signing_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_CTX_free(key->alone);
    EVP_PKEY_CTX_free(key->check);
    ecdsa_check_free(key->quick_check);
    free(key);
}

static void free_alone(
    void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    free_key(data);
}

static const struct key_exchange_group *curve_of(const EVP_PKEY *key)
{
    char name[32];

    for (size_t i = KEY_EXCHANGE_P384; i <= KEY_EXCHANGE_P256; i++) {
        if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1 &&
            strcmp(name, key_exchange_groups[i].real_name) == 0)
            return &key_exchange_groups[i];
    }
    return NULL;
}

static bool is_of_a_kind(const struct signing_key *key, const EVP_PKEY *from)
{
    if (EVP_PKEY_is_a(from, "EC"))
        return key->curve != NULL;
    return EVP_PKEY_is_a(from, "RSA") &&
        (key->bits == 2048 || key->bits == 3072 || key->bits == 4096);
}

static struct signing_key *make_alone(EVP_PKEY *from)
{
    struct signing_key *key = memory_new(sizeof(*key));

    key->curve = EVP_PKEY_is_a(from, "EC") ? curve_of(from) : NULL;
    key->bits = EVP_PKEY_get_bits(from);
    if (is_of_a_kind(key, from)) {
        key->alone = signing_context_alone(from);
        key->check = signing_context_check(from);
        key->alone_checks = signing_alone_checks(from);
        if (key->curve != NULL)
            key->quick_check = ecdsa_check_new(key->curve, from);
    }
    if (key->alone != NULL && key->check != NULL)
        return key;
    free_key(key);
    return NULL;
}

/* The context holds a reference of its own to its key. If that key were `from`, the two
 * would keep each other alive for ever, so it is a copy. */
static const struct signing_key *alone(EVP_PKEY *from)
{
    static int index = -1;
    struct signing_key *key;
    EVP_PKEY *copy;

    if (index < 0)
        index = CRYPTO_get_ex_new_index(
            CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL, NULL, NULL, free_alone);
    key = EVP_PKEY_get_ex_data(from, index);
    if (key != NULL)
        return key;
    copy = EVP_PKEY_dup(from);
    key = copy != NULL ? make_alone(copy) : NULL;
    EVP_PKEY_free(copy);
    memory_require(key == NULL || EVP_PKEY_set_ex_data(from, index, key) == 1);
    return key;
}

/* The native engine's handshakes know two curves and three sizes; OpenSSL's handle the
 * rest. */
static const struct signing_key *known_kind(const struct signing_key *key, EVP_PKEY *from)
{
    return key != NULL && is_of_a_kind(key, from) ? key : NULL;
}

const struct signing_key *engine_signing_key(EVP_PKEY *key)
{
    if (engine_signs_remotely())
        return known_kind(adopted(key), key);
    if (engine_is_batched())
        return adopted(key);
    return engine_supports_native() ? alone(key) : NULL;
}

const struct signing_key *engine_private_key(EVP_PKEY *key, EVP_PKEY **owner)
{
    *owner = engine_is_batched() ? engine_adopt_key(key) : NULL;
    return *owner != NULL ? adopted(*owner) : alone(key);
}
