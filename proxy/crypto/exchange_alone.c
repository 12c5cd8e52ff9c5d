#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "proxy/crypto/exchange.h"
#include "proxy/crypto/limbs.h"
#include "proxy/crypto/p384.h"

static BIGNUM *from_limbs(BIGNUM *number, const uint64_t *limbs, size_t count)
{
    return BN_lebin2bn((const unsigned char *)limbs, (int)(count * LIMB_BYTES), number);
}

/* EC_POINT_set_affine_coordinates() refuses what is not on the curve; EC_POINT_mul() on
 * this curve runs in constant time. */
static bool multiply(const EC_GROUP *curve, struct exchange_job *job, EC_POINT *point,
    BIGNUM *x, BIGNUM *y, BIGNUM *scalar, BN_CTX *numbers)
{
    size_t limbs = exchange_groups[EXCHANGE_P256].limbs;
    int len = (int)exchange_groups[EXCHANGE_P256].secret_len;

    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    return from_limbs(x, job->peer->x, limbs) != NULL &&
        from_limbs(y, job->peer->y, limbs) != NULL &&
        from_limbs(scalar, job->own->scalar, limbs) != NULL &&
        EC_POINT_set_affine_coordinates(curve, point, x, y, numbers) == 1 &&
        EC_POINT_mul(curve, point, NULL, point, scalar, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(curve, point, x, NULL, numbers) == 1 &&
        BN_bn2binpad(x, job->secret, len) == len;
}

static void derive_p256(struct exchange_job *job)
{
    static EC_GROUP *curve; /* with its tables, for good */
    static BN_CTX *numbers; /* in the secure heap where there is one */
    EC_POINT *point;

    if (curve == NULL)
        curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (numbers == NULL)
        numbers = BN_CTX_secure_new();
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

void exchange_derive_alone(const struct exchange_group *group, struct exchange_job *job)
{
    if (group == &exchange_groups[EXCHANGE_P384])
        job->ok = p384_derive(job->secret, job->own->scalar, job->peer->x, job->peer->y);
    else
        derive_p256(job);
}
