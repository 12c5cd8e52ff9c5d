/*
 * mix.h - spreads the bits of a number, for hashing: no two numbers have the same result,
 * and similar ones have results that are not similar. It hides nothing.
 */
#ifndef WLBPROXY_BASE_MIX_H
#define WLBPROXY_BASE_MIX_H

#include <stdint.h>

/* The finisher of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, 2014). */
static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

#endif
