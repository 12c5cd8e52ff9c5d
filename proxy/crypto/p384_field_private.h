/*
 * p384_field_private.h - declares p384_field_x86.S for p384_field.c: x86-64 with BMI2 and
 * ADX.
 */
#ifndef WLBPROXY_CRYPTO_P384_FIELD_PRIVATE_H
#define WLBPROXY_CRYPTO_P384_FIELD_PRIVATE_H

#include "proxy/crypto/p384_field.h"

void p384_x86_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_square(struct p384_number *out, const struct p384_number *a);
void p384_x86_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_halve(struct p384_number *out, const struct p384_number *a);

#endif
