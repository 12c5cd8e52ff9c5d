/*
 * p384_point.h - points of P-384, y^2 = x^3 - 3x + b, for p384.c.
 *
 * Jacobian (X, Y, Z) stands for (X / Z^2, Y / Z^3), and Z = 0 for the point at infinity.
 * None of these functions turns another point into infinity unless its comment says so,
 * and all of them keep infinity. Results may be written over operands.
 */
#ifndef WLBPROXY_CRYPTO_P384_POINT_H
#define WLBPROXY_CRYPTO_P384_POINT_H

#include "proxy/crypto/p384_field.h"

struct p384_affine {
    struct p384_number x, y;
};

struct p384_point {
    struct p384_number x, y, z;
};

/* The generator, in the form that p384_point_enter() takes. */
extern const uint64_t p384_generator_x[P384_LIMBS], p384_generator_y[P384_LIMBS];

/* Takes reduced coordinates; false if they are not a point of the curve. */
bool p384_point_enter(struct p384_affine *point, const uint64_t x[P384_LIMBS],
    const uint64_t y[P384_LIMBS]);

void p384_point_from(struct p384_point *out, const struct p384_affine *a);
void p384_point_double(struct p384_point *out, const struct p384_point *a);

/* a + b where they differ in x; else Z = 0, which is right for b = -a and wrong for b =
 * a. */
void p384_point_add(
    struct p384_point *out, const struct p384_point *a, const struct p384_affine *b);
/* The same, and right for b = a, too. */
void p384_point_add_any(
    struct p384_point *out, const struct p384_point *a, const struct p384_affine *b);

/* Points at infinity become (0, 0). All points share one inversion. */
enum { P384_POINTS_MAX = 16 };
void p384_points_to_affine(
    struct p384_affine *out, const struct p384_point *points, size_t count);

/* points[index], by reading all of them; negated where the mask is set. */
void p384_point_look_up(struct p384_affine *out,
    const struct p384_affine points[P384_POINTS_MAX], uint64_t index, uint64_t negate);

#endif
