/*
 * cheap_keys.h - makes this client's side of an ECDHE on a NIST curve cost next to
 * nothing, so that the server is what is measured.
 *
 * The client's ephemeral private key is always 1: its public key is the generator, the
 * shared secret the x coordinate of the server's key. On the wire that is a TLS handshake
 * like any other, and the server's work is the same.
 */
#ifndef WLBPROXY_BENCH_LOAD_CHEAP_KEYS_H
#define WLBPROXY_BENCH_LOAD_CHEAP_KEYS_H

#include <stdbool.h>

bool cheap_keys_use(void);

#endif
