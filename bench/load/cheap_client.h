/*
 * cheap_client.h - makes this client's side of a handshake cost a fraction of OpenSSL's,
 * so that the measurement is about the server.
 *
 * On the wire these are TLS handshakes like any other, and the server's work is the same:
 * - The ephemeral private key on a NIST curve is always 1: the public key is the
 *   generator, the shared secret the x coordinate of the server's key.
 * - The order of the server's point is not checked.
 * - A certificate that was shown before is not decoded again.
 */
#ifndef WLBPROXY_BENCH_LOAD_CHEAP_CLIENT_H
#define WLBPROXY_BENCH_LOAD_CHEAP_CLIENT_H

#include <stdbool.h>

bool cheap_client_use(void);
void cheap_client_stop(void);

#endif
