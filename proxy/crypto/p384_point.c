#include "proxy/crypto/p384_point.h"

#include <string.h>

#include "proxy/crypto/limbs.h"

/* A vector register, which every x86-64 has. */
typedef uint64_t limb_pair __attribute__((vector_size(16)));

/* FIPS 186-4, D.1.2.4 */
static const uint64_t curve_b[] = {0x2a85c8edd3ec2aef, 0xc656398d8a2ed19d,
    0x0314088f5013875a, 0x181d9c6efe814112, 0x988e056be3f82d19, 0xb3312fa7e23ee7e4};
const uint64_t p384_generator_x[] = {0x3a545e3872760ab7, 0x5502f25dbf55296c,
    0x59f741e082542a38, 0x6e1d3b628ba79b98, 0x8eb1c71ef320ad74, 0xaa87ca22be8b0537};
const uint64_t p384_generator_y[] = {0x7a431d7c90ea0e5f, 0x0a60b1ce1d7e819d,
    0xe9da3113b5f0b8c0, 0xf8f41dbd289a147c, 0x5d9e98bf9292dc29, 0x3617de4a96262c6f};

bool p384_point_enter(
    struct p384_affine *point, const uint64_t x[P384_LIMBS], const uint64_t y[P384_LIMBS])
{
    struct p384_number left, right, term;

    if (!limbs_less(x, p384_prime, P384_LIMBS) || !limbs_less(y, p384_prime, P384_LIMBS))
        return false;
    p384_enter(&point->x, x);
    p384_enter(&point->y, y);
    p384_square(&right, &point->x);
    p384_multiply(&right, &right, &point->x);
    p384_add(&term, &point->x, &point->x);
    p384_add(&term, &term, &point->x);
    p384_subtract(&right, &right, &term);
    p384_enter(&term, curve_b);
    p384_add(&right, &right, &term);
    p384_square(&left, &point->y);
    p384_subtract(&left, &left, &right);
    return p384_is_zero(&left) != 0;
}

void p384_point_from(struct p384_point *out, const struct p384_affine *a)
{
    out->x = a->x;
    out->y = a->y;
    out->z = p384_one;
}

/* M = 3(X - Z^2)(X + Z^2), S = 4XY^2; X' = M^2 - 2S, Y' = M(S - X') - 8Y^4, Z' = 2YZ. The
 * order of the curve is odd, so no Y is 0. */
void p384_point_double(struct p384_point *out, const struct p384_point *a)
{
    struct p384_number m, s, t, y2;

    p384_square(&t, &a->z);
    p384_subtract(&m, &a->x, &t);
    p384_add(&t, &a->x, &t);
    p384_multiply(&m, &m, &t);
    p384_add(&t, &m, &m);
    p384_add(&m, &m, &t);

    p384_add(&y2, &a->y, &a->y);
    p384_multiply(&out->z, &y2, &a->z);
    p384_square(&y2, &y2);
    p384_multiply(&s, &y2, &a->x);
    p384_square(&y2, &y2);
    p384_halve(&y2, &y2);

    p384_square(&out->x, &m);
    p384_subtract(&out->x, &out->x, &s);
    p384_subtract(&out->x, &out->x, &s);
    p384_subtract(&s, &s, &out->x);
    p384_multiply(&s, &s, &m);
    p384_subtract(&out->y, &s, &y2);
}

/* H = xZ^2 - X, R = yZ^3 - Y, V = XH^2; X' = R^2 - H^3 - 2V, Y' = R(V - X') - YH^3, Z' =
 * ZH. Returns the mask of a = b, which is H = R = 0. */
static uint64_t add(
    struct p384_point *out, const struct p384_point *a, const struct p384_affine *b)
{
    struct p384_number h, h3, r, v, t;
    uint64_t equal;

    p384_square(&t, &a->z);
    p384_multiply(&h, &t, &b->x);
    p384_multiply(&t, &t, &a->z);
    p384_multiply(&r, &t, &b->y);
    p384_subtract(&h, &h, &a->x);
    p384_subtract(&r, &r, &a->y);
    equal = p384_is_zero(&h) & p384_is_zero(&r);

    p384_multiply(&out->z, &a->z, &h);
    p384_square(&t, &h);
    p384_multiply(&h3, &t, &h);
    p384_multiply(&v, &t, &a->x);
    p384_multiply(&t, &h3, &a->y);

    p384_square(&out->x, &r);
    p384_subtract(&out->x, &out->x, &h3);
    p384_subtract(&out->x, &out->x, &v);
    p384_subtract(&out->x, &out->x, &v);
    p384_subtract(&v, &v, &out->x);
    p384_multiply(&v, &v, &r);
    p384_subtract(&out->y, &v, &t);
    return equal;
}

void p384_point_add(
    struct p384_point *out, const struct p384_point *a, const struct p384_affine *b)
{
    (void)add(out, a, b);
}

void p384_point_add_any(
    struct p384_point *out, const struct p384_point *a, const struct p384_affine *b)
{
    struct p384_point twice;
    uint64_t equal;

    p384_point_double(&twice, a);
    equal = add(out, a, b);
    p384_select(&out->x, &twice.x, equal);
    p384_select(&out->y, &twice.y, equal);
    p384_select(&out->z, &twice.z, equal);
}

void p384_points_to_affine(
    struct p384_affine *out, const struct p384_point *points, size_t count)
{
    struct p384_number products[P384_POINTS_MAX], inverse, z, z2;

    products[0] = points[0].z;
    for (size_t i = 1; i < count; i++)
        p384_multiply(&products[i], &products[i - 1], &points[i].z);
    p384_invert(&inverse, &products[count - 1]);
    for (size_t i = count; i-- > 0;) {
        z = inverse;
        if (i > 0) {
            p384_multiply(&z, &inverse, &products[i - 1]);
            p384_multiply(&inverse, &inverse, &points[i].z);
        }
        p384_square(&z2, &z);
        p384_multiply(&out[i].x, &points[i].x, &z2);
        p384_multiply(&z2, &z2, &z);
        p384_multiply(&out[i].y, &points[i].y, &z2);
    }
}

void p384_point_look_up(struct p384_affine *out,
    const struct p384_affine points[P384_POINTS_MAX], uint64_t index, uint64_t negate)
{
    static const struct p384_number zero;
    struct p384_number negative;
    limb_pair masks[P384_POINTS_MAX];

    for (size_t i = 0; i < P384_POINTS_MAX; i++) {
        uint64_t mask = limbs_mask(((i ^ index) - 1) >> 63);

        masks[i] = (limb_pair){mask, mask};
    }
    for (size_t at = 0; at < sizeof(*out); at += sizeof(limb_pair)) {
        limb_pair found = {0, 0}, pair;

        for (size_t i = 0; i < P384_POINTS_MAX; i++) {
            memcpy(&pair, (const char *)&points[i] + at, sizeof(pair));
            found |= pair & masks[i];
        }
        memcpy((char *)out + at, &found, sizeof(found));
    }
    p384_subtract(&negative, &zero, &out->y);
    p384_select(&out->y, &negative, negate);
}
