/*
 * cheap_client.h - makes this client's side of a handshake cost a fraction of what it
 * costs OpenSSL's, so that the server is what is measured.
 *
 * On the wire these are TLS handshakes like any other, and the server's work is the same:
 * - The ephemeral private key on a NIST curve is always 1: the public key is the
 *   generator, the shared secret the x coordinate of the server's key.
 * - Whether the server's point has the order of the curve is not asked.
 * - A certificate that was shown before is not decoded again.
 */
#ifndef WLBPROXY_BENCH_LOAD_CHEAP_CLIENT_H
#define WLBPROXY_BENCH_LOAD_CHEAP_CLIENT_H

#include <stdbool.h>

bool cheap_client_use(void);
void cheap_client_stop(void);

#endif
