/*
 * engine.h - where a worker's key operations run: stock OpenSSL, or batched, eight at a
 * time, through Intel's crypto_mb on a CPU with AVX-512 IFMA.
 *
 * The TLS layer does not know which: with batching a handshake may report that it awaits a
 * key operation (SSL_ERROR_WANT_ASYNC); it is fed again after engine_run(). One per process.
 */
#ifndef WLBPROXY_CRYPTO_ENGINE_H
#define WLBPROXY_CRYPTO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct error;

/* Chooses, loads, self-tests. `batched`: 0 never, 1 if possible (falls back), 2 must. Call
 * before the process gives up reading files. False only when it must and cannot. */
bool engine_start(int batched, struct error *err);
void engine_stop(void);

/* The library context keys and SSL_CTXs must be made in; NULL = OpenSSL's default one. */
OSSL_LIB_CTX *engine_libctx(void);

bool engine_is_batched(void);
/* One line for the log and `status`: "batched (crypto_mb 1.0.11: P-384, X25519, ...)", or
 * "openssl (no AVX-512 IFMA on this CPU)". */
const char *engine_description(void);

/* Operations that wait, and: run some of them (a bounded amount of work, a few batches).
 * Returns how many still wait. Afterwards every session whose operation is done may go on. */
size_t engine_pending(void);
size_t engine_run(void);

/* Makes ephemeral keys ahead of need when the loop is idle; returns true if it did work. */
bool engine_refill(void);

#endif
