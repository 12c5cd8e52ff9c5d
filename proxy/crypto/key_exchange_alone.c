/* Key exchange one at a time: P-384 by our own code, unless OpenSSL is to do everything,
 * the others by OpenSSL. */
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

/* EC_POINT_set_affine_coordinates() refuses a point that is not on the curve;
 * EC_POINT_mul() on this curve runs in constant time. */
static bool multiply(const EC_GROUP *curve, const struct key_exchange_group *group,
    struct key_exchange_job *job, EC_POINT *point, BIGNUM *x, BIGNUM *y, BIGNUM *scalar,
    BN_CTX *numbers)
{
    size_t limbs = group->limbs;
    int len = (int)group->secret_len;

    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return from_limbs(x, job->peer->x, limbs) != NULL &&
        from_limbs(y, job->peer->y, limbs) != NULL &&
        from_limbs(scalar, job->own->scalar, limbs) != NULL &&
        EC_POINT_set_affine_coordinates(curve, point, x, y, numbers) == 1 &&
        EC_POINT_mul(curve, point, NULL, point, scalar, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(curve, point, x, NULL, numbers) == 1 &&
        BN_bn2binpad(x, job->secret, len) == len;
}

/* Makes the curve with its tables once, for the life of the process. */
static const EC_GROUP *curve_of(const struct key_exchange_group *group)
{
    static EC_GROUP *curves[KEY_EXCHANGE_GROUPS];
    size_t index = (size_t)(group - key_exchange_groups);

    if (curves[index] == NULL)
        curves[index] = EC_GROUP_new_by_curve_name(
            index == KEY_EXCHANGE_P256 ? NID_X9_62_prime256v1 : NID_secp384r1);
    return curves[index];
}

/* In the secure heap where there is one. */
static BN_CTX *curve_numbers(void)
{
    static BN_CTX *numbers;

    if (numbers == NULL)
        numbers = BN_CTX_secure_new();
    return numbers;
}

static void derive_on_curve(
    const struct key_exchange_group *group, struct key_exchange_job *job)
{
    const EC_GROUP *curve = curve_of(group);
    BN_CTX *numbers = curve_numbers();
    EC_POINT *point;

    job->ok = false;
    if (curve == NULL || numbers == NULL || (point = EC_POINT_new(curve)) == NULL)
        return;
    BN_CTX_start(numbers);
    {
        BIGNUM *x = BN_CTX_get(numbers), *y = BN_CTX_get(numbers);
        BIGNUM *scalar = BN_CTX_get(numbers);

        if (scalar != NULL) {
            job->ok = multiply(curve, group, job, point, x, y, scalar, numbers);
            BN_clear(scalar); /* the next user of the numbers finds nothing */
            BN_clear(x);
        }
    }
    BN_CTX_end(numbers);
    EC_POINT_clear_free(point);
}

static bool multiply_base(const EC_GROUP *curve, const struct key_exchange_group *group,
    struct key_exchange_key *key, EC_POINT *point, BIGNUM *x, BIGNUM *y, BIGNUM *scalar,
    BN_CTX *numbers)
{
    size_t limbs = group->limbs;
    int len = (int)group->secret_len;

    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return from_limbs(scalar, key->scalar, limbs) != NULL &&
        EC_POINT_mul(curve, point, scalar, NULL, NULL, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(curve, point, x, y, numbers) == 1 &&
        BN_bn2lebinpad(x, (unsigned char *)key->x, len) == len &&
        BN_bn2lebinpad(y, (unsigned char *)key->y, len) == len;
}

static bool public_on_curve(
    const struct key_exchange_group *group, struct key_exchange_key *key)
{
    const EC_GROUP *curve = curve_of(group);
    BN_CTX *numbers = curve_numbers();
    EC_POINT *point;
    bool made = false;

    if (curve == NULL || numbers == NULL || (point = EC_POINT_new(curve)) == NULL)
        return false;
    BN_CTX_start(numbers);
    {
        BIGNUM *x = BN_CTX_get(numbers), *y = BN_CTX_get(numbers);
        BIGNUM *scalar = BN_CTX_get(numbers);

        if (scalar != NULL) {
            made = multiply_base(curve, group, key, point, x, y, scalar, numbers);
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

static bool p384_is_ours = true;

void exchange_alone_start(bool own_p384)
{
    p384_is_ours = own_p384;
}

static bool is_ours(const struct key_exchange_group *group)
{
    return p384_is_ours && group == &key_exchange_groups[KEY_EXCHANGE_P384];
}

void key_exchange_derive_alone(
    const struct key_exchange_group *group, struct key_exchange_job *job)
{
    if (is_ours(group))
        job->ok = p384_derive(job->secret, job->own->scalar, job->peer->x, job->peer->y);
    else if (group == &key_exchange_groups[KEY_EXCHANGE_X25519])
        derive_x25519(job);
    else
        derive_on_curve(group, job);
}

bool key_exchange_public_alone(
    const struct key_exchange_group *group, struct key_exchange_key *key)
{
    if (is_ours(group))
        return p384_public(key->x, key->y, key->scalar);
    return group == &key_exchange_groups[KEY_EXCHANGE_X25519]
        ? public_x25519(key)
        : public_on_curve(group, key);
}
