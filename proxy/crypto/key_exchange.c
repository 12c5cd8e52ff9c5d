#include "proxy/crypto/key_exchange.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "proxy/crypto/limbs.h"

enum { POINT_UNCOMPRESSED = 4 };

/* FIPS 186-4, D.1.2 */
static const uint64_t p384_prime[] = {0x00000000ffffffff, 0xffffffff00000000,
    0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff};
static const uint64_t p384_order[] = {0xecec196accc52973, 0x581a0db248b0a77a,
    0xc7634d81f4372ddf, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff};
static const uint64_t p256_prime[] = {
    0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001};
static const uint64_t p256_order[] = {
    0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000};

const struct key_exchange_group key_exchange_groups[KEY_EXCHANGE_GROUPS] = {
    [KEY_EXCHANGE_P384] = {"wlb-P-384", "secp384r1", "secp384r1", 24, 192, 384, 6, 97, 48,
        p384_prime, p384_order},
    [KEY_EXCHANGE_P256] = {"wlb-P-256", "secp256r1", "prime256v1", 23, 128, 256, 4, 65,
        32, p256_prime, p256_order},
    [KEY_EXCHANGE_X25519] = {"wlb-X25519", "x25519", "X25519", 29, 128, 253, 4, 32, 32,
        NULL, NULL},
};

/* Lanes without a job put their results here. */
static unsigned char discarded[KEY_EXCHANGE_SECRET_MAX];

static bool is_x25519(const struct key_exchange_group *group)
{
    return group->prime == NULL;
}

static bool random_scalar(OSSL_LIB_CTX *libctx, const struct key_exchange_group *group,
    struct key_exchange_key *key)
{
    /* It is drawn again until it is below the order (once in 2^32 for P-256), so there is
     * no bias. There are too few scalars within about 2^64 of 0 or of the order to ever
     * be drawn. They would matter, because crypto_mb's additions are not complete: for
     * order - 2 the result is wrong. */
    do {
        if (RAND_priv_bytes_ex(
                libctx, (unsigned char *)key->scalar, group->limbs * LIMB_BYTES, 0) != 1)
            return false;
    } while (!is_x25519(group) &&
        (limbs_are_zero(key->scalar + 1, group->limbs - 1) ||
            !limbs_less(key->scalar + 1, group->order + 1, group->limbs - 1)));
    return true;
}

static bool make_public_alone(
    const struct key_exchange_group *group, struct key_exchange_key keys[LANES])
{
    bool ok = true;

    for (size_t i = 0; i < LANES; i++)
        ok = ok && key_exchange_public_alone(group, &keys[i]);
    return ok;
}

static bool make_public(const struct multibuffer *library,
    const struct key_exchange_group *group, struct key_exchange_key keys[LANES])
{
    const uint64_t *scalars[LANES];
    uint64_t *x[LANES], *y[LANES];

    if (library == NULL || is_x25519(group))
        return make_public_alone(group, keys);
    for (size_t i = 0; i < LANES; i++) {
        scalars[i] = keys[i].scalar;
        x[i] = keys[i].x;
        y[i] = keys[i].y;
    }
    if (group == &key_exchange_groups[KEY_EXCHANGE_P256])
        return library->p256_public(x, y, NULL, scalars, NULL) == 0;
    return library->p384_public(x, y, NULL, scalars, NULL) == 0;
}

bool key_exchange_generate(const struct multibuffer *library, OSSL_LIB_CTX *libctx,
    const struct key_exchange_group *group, struct key_exchange_key keys[LANES])
{
    bool drawn = true;

    memset(keys, 0, LANES * sizeof(keys[0]));
    for (size_t i = 0; i < LANES; i++)
        drawn = drawn && random_scalar(libctx, group, &keys[i]);
    if (drawn && make_public(library, group, keys))
        return true;
    OPENSSL_cleanse(keys, LANES * sizeof(keys[0]));
    return false;
}

void key_exchange_encode(const struct key_exchange_group *group,
    const struct key_exchange_key *key, unsigned char *encoded)
{
    if (is_x25519(group)) {
        memcpy(encoded, key->x, group->public_len);
        return;
    }
    encoded[0] = POINT_UNCOMPRESSED;
    limbs_to_bytes(encoded + 1, key->x, group->limbs);
    limbs_to_bytes(encoded + 1 + group->secret_len, key->y, group->limbs);
}

/* The points of order 1, 2, 4 and 8 on the curve and its twist, in all their forms. With
 * them the result is no secret (RFC 7748, 7). */
static bool is_of_low_order(const uint64_t u[4])
{
    static const uint64_t low[][4] = {
        {0, 0, 0, 0},
        {1, 0, 0, 0},
        {0xaeb8413b7c7aebe0, 0x6ac49ff1fae35616, 0xfdb1329ceb8d09da, 0x00b8495f16056286},
        {0x248c50a3bc959c5f, 0x5bef839c55b1d0b1, 0x868e1c58c45c4404, 0x57119fd0dd4e22d8},
        {0xffffffffffffffec, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1},
        {0xffffffffffffffed, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1},
        {0xffffffffffffffee, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1},
    };

    for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
        if (memcmp(u, low[i], sizeof(low[i])) == 0)
            return true;
    }
    return false;
}

bool key_exchange_decode(const struct key_exchange_group *group,
    struct key_exchange_key *key, const unsigned char *encoded, size_t len)
{
    memset(key, 0, sizeof(*key));
    if (len != group->public_len)
        return false;
    if (is_x25519(group)) {
        memcpy(key->x, encoded, len);
        key->x[3] &= UINT64_MAX >> 1; /* RFC 7748, 5: the top bit is masked */
        return !is_of_low_order(key->x);
    }
    if (encoded[0] != POINT_UNCOMPRESSED)
        return false;
    limbs_from_bytes(key->x, group->limbs, encoded + 1);
    limbs_from_bytes(key->y, group->limbs, encoded + 1 + group->secret_len);
    return limbs_less(key->x, group->prime, group->limbs) &&
        limbs_less(key->y, group->prime, group->limbs);
}

static lane_status multiply(const struct multibuffer *library,
    const struct key_exchange_group *group,
    const struct key_exchange_job *const lanes[LANES], bytes_out secrets)
{
    const uint64_t *scalars[LANES], *x[LANES], *y[LANES];

    for (size_t i = 0; i < LANES; i++) {
        scalars[i] = lanes[i]->own->scalar;
        x[i] = lanes[i]->peer->x;
        y[i] = lanes[i]->peer->y;
    }
    /* The library checks for each lane whether the point is on the curve. */
    if (group == &key_exchange_groups[KEY_EXCHANGE_P256])
        return library->p256_ecdh(secrets, scalars, x, y, NULL, NULL);
    return library->p384_ecdh(secrets, scalars, x, y, NULL, NULL);
}

void key_exchange_derive(const struct multibuffer *library,
    const struct key_exchange_group *group, struct key_exchange_job *jobs, size_t count)
{
    const struct key_exchange_job *lanes[LANES];
    uint8_t *secrets[LANES];
    lane_status status;

    if (is_x25519(group)) {
        for (size_t i = 0; i < count; i++)
            key_exchange_derive_alone(group, &jobs[i]);
        return;
    }
    for (size_t i = 0; i < LANES; i++) {
        lanes[i] = i < count ? &jobs[i] : &jobs[0];
        secrets[i] = i < count ? jobs[i].secret : discarded;
    }
    status = multiply(library, group, lanes, secrets);
    for (size_t i = 0; i < count; i++) {
        jobs[i].ok = lane_ok(status, i);
        if (!jobs[i].ok)
            OPENSSL_cleanse(jobs[i].secret, group->secret_len);
    }
    OPENSSL_cleanse(discarded, sizeof(discarded));
}
