/*
 * p384_field_private.h - the instructions of x86-64 under p384_field.c.
 *
 * The five work in 64-bit limbs of the registers; multiply and square need a CPU with
 * BMI2 (mulx) and ADX (two chains of carries at once).
 */
#ifndef WLBPROXY_CRYPTO_P384_FIELD_PRIVATE_H
#define WLBPROXY_CRYPTO_P384_FIELD_PRIVATE_H

#include "proxy/crypto/p384_field.h"

#ifdef __x86_64__
enum { P384_HAS_X86 = 1 };
#else
enum { P384_HAS_X86 = 0 };
#endif

bool p384_x86_can(void);
void p384_x86_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_square(struct p384_number *out, const struct p384_number *a);
void p384_x86_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_x86_halve(struct p384_number *out, const struct p384_number *a);

#endif
