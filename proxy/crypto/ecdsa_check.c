/* EC_GROUP_precompute_mult() has no successor. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/crypto/ecdsa_check.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "proxy/crypto/limbs.h"

__extension__ typedef unsigned __int128 wide;

typedef uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX];

/* P-256 with the generator hG. */
static struct {
    EC_GROUP *curve; /* NULL: not made yet */
    BIGNUM *h;
} other;

/* In the secure heap where there is one. */
static BN_CTX *numbers;

/* --- scalars, modulo the order ------------------------------------------------ */

/* Writes the number `high`:`from`, which is below twice the order, below the order. */
static void reduce(const struct key_exchange_group *curve, uint64_t *to,
    const uint64_t *from, uint64_t high)
{
    scalar less;
    uint64_t borrow = 0, mask;

    for (size_t i = 0; i < curve->limbs; i++) {
        wide limb = (wide)from[i] - curve->order[i] - borrow;

        less[i] = (uint64_t)limb;
        borrow = (uint64_t)(limb >> 64) & 1;
    }
    mask = limbs_mask(high | (borrow ^ 1));
    for (size_t i = 0; i < curve->limbs; i++)
        to[i] = from[i] ^ ((from[i] ^ less[i]) & mask);
    OPENSSL_cleanse(less, sizeof(less));
}

static void add(const struct key_exchange_group *curve, uint64_t *to, const uint64_t *a,
    const uint64_t *b)
{
    scalar sum = {0};
    uint64_t carry = 0;

    for (size_t i = 0; i < curve->limbs; i++) {
        wide limb = (wide)a[i] + b[i] + carry;

        sum[i] = (uint64_t)limb;
        carry = (uint64_t)(limb >> 64);
    }
    reduce(curve, to, sum, carry);
    OPENSSL_cleanse(sum, sizeof(sum));
}

/* ab / 2^(64 limbs), by Montgomery. */
static void multiply(
    const struct ecdsa_check *check, uint64_t *to, const uint64_t *a, const uint64_t *b)
{
    const uint64_t *order = check->curve->order;
    size_t limbs = check->curve->limbs;
    uint64_t sum[KEY_EXCHANGE_LIMBS_MAX + 2] = {0};

    for (size_t i = 0; i < limbs; i++) {
        wide carry = 0;
        uint64_t multiple;

        for (size_t j = 0; j < limbs; j++) {
            carry += (wide)a[j] * b[i] + sum[j];
            sum[j] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += sum[limbs];
        sum[limbs] = (uint64_t)carry;
        sum[limbs + 1] = (uint64_t)(carry >> 64);

        multiple = sum[0] * check->factor;
        carry = ((wide)multiple * order[0] + sum[0]) >> 64;
        for (size_t j = 1; j < limbs; j++) {
            carry += (wide)multiple * order[j] + sum[j];
            sum[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += sum[limbs];
        sum[limbs - 1] = (uint64_t)carry;
        sum[limbs] = sum[limbs + 1] + (uint64_t)(carry >> 64);
    }
    reduce(check->curve, to, sum, sum[limbs]);
    OPENSSL_cleanse(sum, sizeof(sum));
}

static uint64_t factor_of(uint64_t lowest)
{
    uint64_t inverse = lowest; /* right in three bits, and in twice as many each time */

    for (size_t i = 0; i < 5; i++)
        inverse *= 2 - lowest * inverse;
    return 0 - inverse;
}

static bool to_limbs(
    const struct key_exchange_group *curve, uint64_t *to, const BIGNUM *number)
{
    int len = (int)(curve->limbs * LIMB_BYTES);

    return BN_bn2lebinpad(number, (unsigned char *)to, len) == len;
}

/* --- multiples of the generators ----------------------------------------------- */

/* BN_lebin2bn() takes longer for fewer leading zeros; a bit above the number hides how
 * many it has. OpenSSL then drops a highest limb only if all of it is zero. */
static bool full_width(BIGNUM *to, const uint64_t *limbs, size_t count)
{
    uint64_t wider[KEY_EXCHANGE_LIMBS_MAX + 1];
    bool done;

    memcpy(wider, limbs, count * LIMB_BYTES);
    wider[count] = 1;
    BN_set_flags(to, BN_FLG_CONSTTIME);
    done = BN_lebin2bn((unsigned char *)wider, (int)((count + 1) * LIMB_BYTES), to) !=
            NULL &&
        BN_mask_bits(to, (int)(count * 64)) == 1;
    OPENSSL_cleanse(wider, sizeof(wider));
    return done;
}

/* EC_POINT_mul() with a generator alone runs in constant time. */
static bool multiply_other(uint64_t *x, const uint64_t *by)
{
    const struct key_exchange_group *curve = &key_exchange_groups[KEY_EXCHANGE_P256];
    EC_POINT *point = EC_POINT_new(other.curve);
    BIGNUM *number, *x_number;
    bool done;

    BN_CTX_start(numbers);
    number = BN_CTX_get(numbers);
    x_number = BN_CTX_get(numbers);
    done = point != NULL && x_number != NULL && full_width(number, by, curve->limbs) &&
        EC_POINT_mul(other.curve, point, number, NULL, NULL, numbers) == 1 &&
        EC_POINT_get_affine_coordinates(other.curve, point, x_number, NULL, numbers) ==
            1 &&
        to_limbs(curve, x, x_number);
    if (number != NULL)
        BN_clear(number);
    BN_CTX_end(numbers);
    EC_POINT_clear_free(point);
    return done;
}

static bool multiply_own(
    const struct key_exchange_group *curve, uint64_t *x, const uint64_t *by)
{
    struct key_exchange_key key = {.scalar = {0}};
    bool done;

    memcpy(key.scalar, by, curve->limbs * LIMB_BYTES);
    done = key_exchange_public_alone(curve, &key);
    memcpy(x, key.x, curve->limbs * LIMB_BYTES);
    OPENSSL_cleanse(&key, sizeof(key));
    return done;
}

static bool has_other(const struct key_exchange_group *curve)
{
    return curve == &key_exchange_groups[KEY_EXCHANGE_P256];
}

/* x of (a + bd)G, or for P-256 of (a + bd)hG. */
static bool x_of(const struct ecdsa_check *check, const BIGNUM *a, BIGNUM *b, scalar x)
{
    const struct key_exchange_group *curve = check->curve;
    scalar sum, multiplier, product;
    bool done;

    /* Montgomery's form of b. Neither number is secret. */
    if (BN_lshift(b, b, (int)(64 * curve->limbs)) != 1 ||
        BN_mod(b, b, check->order, numbers) != 1 || !to_limbs(curve, multiplier, b) ||
        !to_limbs(curve, sum, a))
        return false;
    for (size_t i = 0; i < 2; i++) {
        multiply(check, product, multiplier, check->shares[i]);
        add(curve, sum, sum, product);
    }
    done = has_other(curve) ? multiply_other(x, sum) : multiply_own(curve, x, sum);
    OPENSSL_cleanse(sum, sizeof(sum));
    OPENSSL_cleanse(product, sizeof(product));
    return done;
}

/* --- a key ---------------------------------------------------------------------- */

static bool make_other(void)
{
    EC_GROUP *curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *base = curve != NULL ? EC_POINT_new(curve) : NULL;
    const BIGNUM *order = curve != NULL ? EC_GROUP_get0_order(curve) : NULL;

    other.h = BN_new();
    if (base != NULL && other.h != NULL &&
        BN_priv_rand_range_ex(other.h, order, 0, numbers) == 1 &&
        EC_POINT_mul(curve, base, other.h, NULL, NULL, numbers) == 1 &&
        EC_GROUP_set_generator(curve, base, order, BN_value_one()) == 1 &&
        EC_GROUP_precompute_mult(curve, numbers) == 1)
        other.curve = curve;
    else
        EC_GROUP_free(curve);
    EC_POINT_free(base);
    return other.curve != NULL;
}

static bool start(const struct key_exchange_group *curve)
{
    if (numbers == NULL)
        numbers = BN_CTX_secure_new();
    return numbers != NULL && (!has_other(curve) || other.curve != NULL || make_other());
}

/* One share is random, the other is what is missing. */
static bool make_shares(struct ecdsa_check *check, const BIGNUM *d)
{
    BIGNUM *share = BN_secure_new();
    bool made = share != NULL &&
        BN_priv_rand_range_ex(share, check->order, 0, numbers) == 1 &&
        to_limbs(check->curve, check->shares[0], share) &&
        BN_mod_sub(share, d, share, check->order, numbers) == 1 &&
        to_limbs(check->curve, check->shares[1], share);

    BN_clear_free(share);
    return made;
}

/* Says whether the shares' sum has that public key, by the way that signatures go. */
static bool is_pair(const struct ecdsa_check *check, const BIGNUM *public_x)
{
    BIGNUM *zero = BN_new(), *factor = BN_new();
    scalar x, expected;
    bool is = zero != NULL && factor != NULL &&
        (has_other(check->curve)
                ? BN_mod_inverse(factor, other.h, check->order, numbers) != NULL
                : BN_one(factor) == 1) &&
        x_of(check, zero, factor, x) && to_limbs(check->curve, expected, public_x) &&
        memcmp(x, expected, check->curve->limbs * LIMB_BYTES) == 0;

    BN_free(zero);
    BN_free(factor);
    return is;
}

static bool fill(struct ecdsa_check *check, const EVP_PKEY *key)
{
    BIGNUM *d = BN_secure_new(), *x = NULL;
    bool filled;

    check->order = BN_lebin2bn((const unsigned char *)check->curve->order,
        (int)(check->curve->limbs * LIMB_BYTES), NULL);
    check->factor = factor_of(check->curve->order[0]);
    filled = d != NULL && check->order != NULL &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
        make_shares(check, d) && is_pair(check, x);
    BN_clear_free(d);
    BN_free(x);
    return filled;
}

struct ecdsa_check *ecdsa_check_new(
    const struct key_exchange_group *curve, const EVP_PKEY *key)
{
    struct ecdsa_check *check;

    if (!start(curve))
        return NULL;
    check = OPENSSL_secure_zalloc(sizeof(*check));
    if (check == NULL)
        return NULL;
    check->curve = curve;
    if (fill(check, key))
        return check;
    ecdsa_check_free(check);
    return NULL;
}

void ecdsa_check_free(struct ecdsa_check *check)
{
    if (check == NULL)
        return;
    BN_free(check->order);
    OPENSSL_secure_clear_free(check, sizeof(*check));
}

/* --- a signature ---------------------------------------------------------------- */

static bool is_in_range(const BIGNUM *number, const BIGNUM *order)
{
    return !BN_is_zero(number) && !BN_is_negative(number) && BN_cmp(number, order) < 0;
}

/* a = e / s, b = r / s; for P-256 both over h. */
static bool make_factors(const struct ecdsa_check *check, BIGNUM *a, BIGNUM *b,
    const BIGNUM *e, const BIGNUM *r, const BIGNUM *s)
{
    const BIGNUM *order = check->order;

    return BN_copy(b, s) != NULL &&
        (!has_other(check->curve) || BN_mod_mul(b, b, other.h, order, numbers) == 1) &&
        BN_mod_inverse(b, b, order, numbers) != NULL &&
        BN_mod_mul(a, e, b, order, numbers) == 1 &&
        BN_mod_mul(b, r, b, order, numbers) == 1;
}

static bool passes(const struct ecdsa_check *check, const unsigned char *digest,
    size_t len, const BIGNUM *r, const BIGNUM *s)
{
    const struct key_exchange_group *curve = check->curve;
    BIGNUM *a = BN_CTX_get(numbers), *b = BN_CTX_get(numbers), *e = BN_CTX_get(numbers);
    size_t fitting = len < curve->secret_len ? len : curve->secret_len;
    scalar x, expected;

    if (e == NULL || !is_in_range(r, check->order) || !is_in_range(s, check->order) ||
        BN_bin2bn(digest, (int)fitting, e) == NULL ||
        !make_factors(check, a, b, e, r, s) || !x_of(check, a, b, x) ||
        !to_limbs(curve, expected, r))
        return false;
    reduce(curve, x, x, 0);
    return CRYPTO_memcmp(x, expected, curve->limbs * LIMB_BYTES) == 0;
}

bool ecdsa_check_passes(const struct ecdsa_check *check, const unsigned char *digest,
    size_t digest_len, const unsigned char *signature, size_t signature_len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)signature_len);
    bool right = false;

    if (pair != NULL && at == signature + signature_len) {
        BN_CTX_start(numbers);
        right = passes(
            check, digest, digest_len, ECDSA_SIG_get0_r(pair), ECDSA_SIG_get0_s(pair));
        BN_CTX_end(numbers);
    }
    ECDSA_SIG_free(pair);
    return right;
}
