/* One at a time: P-384 by ourselves, the others by OpenSSL. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/limbs.h"
#include "proxy/crypto/p384.h"

static BIGNUM *from_limbs(BIGNUM *number, const uint64_t *limbs, size_t count)
{
    return BN_lebin2bn((const unsigned char *)limbs, (int)(count * LIMB_BYTES), number);
}

/* EC_POINT_set_affine_coordinates() refuses what is not on the curve; EC_POINT_mul() on
 * this curve runs in constant time. */
static bool multiply(const EC_GROUP *curve, struct key_exchange_job *job, EC_POINT *point,
    BIGNUM *x, BIGNUM *y, BIGNUM *scalar, BN_CTX *numbers)
{
    size_t limbs = key_exchange_groups[KEY_EXCHANGE_P256].limbs;
    int len = (int)key_exchange_groups[KEY_EXCHANGE_P256].secret_len;

    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return from_limbs(x, job->peer->x, limbs) != NULL &&
        from_limbs(y, job->peer->y, limbs) != NULL &&
        from_limbs(scalar, job->own->scalar, limbs) != NULL &&
        EC_POINT_set_affine_coordinates(curve, point, x, y, numbers) == 1 &&
        EC_POINT_mul(curve, point, NULL, point, scalar, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(curve, point, x, NULL, numbers) == 1 &&
        BN_bn2binpad(x, job->secret, len) == len;
}

/* With its tables, for good. */
static const EC_GROUP *p256(void)
{
    static EC_GROUP *curve;

    if (curve == NULL)
        curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    return curve;
}

/* In the secure heap where there is one. */
static BN_CTX *p256_numbers(void)
{
    static BN_CTX *numbers;

    if (numbers == NULL)
        numbers = BN_CTX_secure_new();
    return numbers;
}

static void derive_p256(struct key_exchange_job *job)
{
    const EC_GROUP *curve = p256();
    BN_CTX *numbers = p256_numbers();
    EC_POINT *point;

    job->ok = false;
    if (curve == NULL || numbers == NULL || (point = EC_POINT_new(curve)) == NULL)
        return;
    BN_CTX_start(numbers);
    {
        BIGNUM *x = BN_CTX_get(numbers), *y = BN_CTX_get(numbers);
        BIGNUM *scalar = BN_CTX_get(numbers);

        if (scalar != NULL) {
            job->ok = multiply(curve, job, point, x, y, scalar, numbers);
            BN_clear(scalar); /* the next user of numbers finds nothing */
            BN_clear(x);
        }
    }
    BN_CTX_end(numbers);
    EC_POINT_clear_free(point);
}

static bool multiply_base(const EC_GROUP *curve, struct key_exchange_key *key,
    EC_POINT *point, BIGNUM *x, BIGNUM *y, BIGNUM *scalar, BN_CTX *numbers)
{
    size_t limbs = key_exchange_groups[KEY_EXCHANGE_P256].limbs;
    int len = (int)key_exchange_groups[KEY_EXCHANGE_P256].secret_len;

    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return from_limbs(scalar, key->scalar, limbs) != NULL &&
        EC_POINT_mul(curve, point, scalar, NULL, NULL, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(curve, point, x, y, numbers) == 1 &&
        BN_bn2lebinpad(x, (unsigned char *)key->x, len) == len &&
        BN_bn2lebinpad(y, (unsigned char *)key->y, len) == len;
}

static bool public_p256(struct key_exchange_key *key)
{
    const EC_GROUP *curve = p256();
    BN_CTX *numbers = p256_numbers();
    EC_POINT *point;
    bool made = false;

    if (curve == NULL || numbers == NULL || (point = EC_POINT_new(curve)) == NULL)
        return false;
    BN_CTX_start(numbers);
    {
        BIGNUM *x = BN_CTX_get(numbers), *y = BN_CTX_get(numbers);
        BIGNUM *scalar = BN_CTX_get(numbers);

        if (scalar != NULL) {
            made = multiply_base(curve, key, point, x, y, scalar, numbers);
            BN_clear(scalar);
        }
    }
    BN_CTX_end(numbers);
    EC_POINT_clear_free(point);
    return made;
}

static EVP_PKEY *x25519_of(const uint64_t *scalar)
{
    return EVP_PKEY_new_raw_private_key(
        EVP_PKEY_X25519, NULL, (const unsigned char *)scalar, 32);
}

static bool public_x25519(struct key_exchange_key *key)
{
    EVP_PKEY *own = x25519_of(key->scalar);
    size_t len = 32;
    bool made = own != NULL &&
        EVP_PKEY_get_raw_public_key(own, (unsigned char *)key->x, &len) == 1;

    EVP_PKEY_free(own);
    return made;
}

/* Refuses a result of zeros, and nothing else. */
static void derive_x25519(struct key_exchange_job *job)
{
    EVP_PKEY *own = x25519_of(job->own->scalar);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_X25519, NULL, (const unsigned char *)job->peer->x, 32);
    EVP_PKEY_CTX *context = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = 32;

    job->ok = peer != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, peer) == 1 &&
        EVP_PKEY_derive(context, job->secret, &len) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
}

void key_exchange_derive_alone(
    const struct key_exchange_group *group, struct key_exchange_job *job)
{
    if (group == &key_exchange_groups[KEY_EXCHANGE_P384])
        job->ok = p384_derive(job->secret, job->own->scalar, job->peer->x, job->peer->y);
    else if (group == &key_exchange_groups[KEY_EXCHANGE_P256])
        derive_p256(job);
    else
        derive_x25519(job);
}

bool key_exchange_public_alone(
    const struct key_exchange_group *group, struct key_exchange_key *key)
{
    if (group == &key_exchange_groups[KEY_EXCHANGE_P384])
        return p384_public(key->x, key->y, key->scalar);
    if (group == &key_exchange_groups[KEY_EXCHANGE_P256])
        return public_p256(key);
    return public_x25519(key);
}
