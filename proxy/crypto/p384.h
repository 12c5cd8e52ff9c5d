/*
 * p384.h - ECDH on P-384 (FIPS 186-4, D.1.2.4; SEC 1, 3.3.1), one key at a time.
 *
 * It exists because OpenSSL 3.0 has only its generic arithmetic for this curve, five
 * times slower. Numbers are 64-bit limbs, least significant first. No branch and no
 * address depends on a scalar, and no value computed from one is left in memory.
 */
#ifndef WLBPROXY_CRYPTO_P384_H
#define WLBPROXY_CRYPTO_P384_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { P384_SECRET_LEN = 48 };

enum p384_way {
    P384_BEST, /* the fastest on this CPU */
    P384_PLAIN, /* in C alone: for tests */
    P384_X86, /* without asking the CPU, because valgrind hides its abilities: for
               * tests */
};

/* Call it once, before the other functions. */
void p384_start(enum p384_way way);

/* Big-endian x of [scalar](x, y). False, and all zero, if (x, y) is not a point of the
 * curve in reduced coordinates, or the scalar is not in [1, order - 1]. */
bool p384_derive(unsigned char secret[P384_SECRET_LEN], const uint64_t scalar[6],
    const uint64_t x[6], const uint64_t y[6]);

/* [scalar]G. False if the scalar is not in [1, order - 1]. */
bool p384_public(uint64_t x[6], uint64_t y[6], const uint64_t scalar[6]);

#endif
