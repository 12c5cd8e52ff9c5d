/* EC_KEY_METHOD is deprecated, and the shortest way there is. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "bench/load/cheap_keys.h"

#include <openssl/ec.h>

typedef int keygen_function(EC_KEY *key);
typedef int compute_function(
    unsigned char **secret, size_t *len, const EC_POINT *peer, const EC_KEY *key);

static compute_function *usual_compute;

static int keygen(EC_KEY *key)
{
    const EC_GROUP *group = EC_KEY_get0_group(key);

    return EC_KEY_set_private_key(key, BN_value_one()) &&
        EC_KEY_set_public_key(key, EC_GROUP_get0_generator(group));
}

static int compute(
    unsigned char **secret, size_t *len, const EC_POINT *peer, const EC_KEY *key)
{
    const EC_GROUP *group = EC_KEY_get0_group(key);
    int size = (EC_GROUP_get_degree(group) + 7) / 8;
    BIGNUM *x = BN_new();
    int done = 0;

    if (!BN_is_one(EC_KEY_get0_private_key(key))) {
        BN_free(x);
        return usual_compute(secret, len, peer, key);
    }
    *len = (size_t)size;
    *secret = OPENSSL_malloc(*len);
    if (x != NULL && *secret != NULL &&
        EC_POINT_get_affine_coordinates(group, peer, x, NULL, NULL))
        done = BN_bn2binpad(x, *secret, size) == size;
    BN_free(x);
    return done;
}

bool cheap_keys_use(void)
{
    EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

    if (method == NULL)
        return false;
    EC_KEY_METHOD_get_compute_key(method, &usual_compute);
    EC_KEY_METHOD_set_keygen(method, keygen);
    EC_KEY_METHOD_set_compute_key(method, compute);
    EC_KEY_set_default_method(method);
    return true;
}
