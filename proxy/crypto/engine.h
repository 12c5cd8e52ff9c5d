/*
 * engine.h - the implementation of a worker's key operations.
 *
 *                  batched            of our own         stock
 *     P-384        crypto_mb, p384.h  p384.h             OpenSSL
 *     P-256, RSA   crypto_mb, OpenSSL OpenSSL            OpenSSL
 *     X25519       OpenSSL            OpenSSL            OpenSSL
 *     ECDSA        crypto_mb, OpenSSL OpenSSL            OpenSSL
 *     TLS's KDFs   ours               ours               OpenSSL
 *
 * crypto_mb, Intel's library, does eight at a time and needs AVX-512 IFMA. Where two are
 * named, the second does single operations. The native engine's handshakes submit their
 * operations (operation.h). OpenSSL's do not know of them: with batching such a handshake
 * may report that it awaits a key operation (SSL_ERROR_WANT_ASYNC). Both kinds continue
 * after engine_run(). One engine per process.
 */
#ifndef WLBPROXY_CRYPTO_ENGINE_H
#define WLBPROXY_CRYPTO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

struct error;

enum engine_choice {
    ENGINE_STOCK,
    ENGINE_AUTO, /* the first of the three that this machine supports */
    ENGINE_BATCHED, /* this one, or an error */
    ENGINE_OWN, /* like AUTO on a machine without AVX-512: for tests and measurements */
};

/* Call it before engine_start() in a worker whose private keys are with the signer.
 * engine_adopt() then takes public keys, which the signer knows by their `key_number`,
 * and any handshake may report that it awaits a key operation. */
void engine_use_signer(uint64_t (*key_number)(X509 *leaf));
uint64_t engine_key_number(X509 *leaf);
bool engine_signs_remotely(void);

/* Chooses, loads, self-tests. Call it before the process gives up reading files. False
 * only when BATCHED was chosen and is impossible, or the signer cannot be used. */
bool engine_start(enum engine_choice choice, struct error *err);
void engine_stop(void);

/* The library context for all keys and SSL_CTXs; NULL: OpenSSL's default one. */
OSSL_LIB_CTX *engine_libctx(void);

/* Lets the engine sign with a finished context's RSA and P-256/P-384 keys, and lets its
 * sessions pause for that (SSL_MODE_ASYNC; clear it when the handshake is done:
 * SSL_clear_mode()). Keys for which it has nothing faster stay as they are, and so do RSA
 * keys where the context's ciphers allow RSA key exchange. Does nothing unless batched.
 * With the signer all keys are taken, and suites with RSA key exchange are not
 * offered. */
void engine_adopt(SSL_CTX *context);

/* The same key for an operation (signing_request.h); lives as long as `key`. NULL: the
 * engine does not sign with it. */
struct signing_key;
const struct signing_key *engine_signing_key(EVP_PKEY *key);
/* Makes the same of a private key, for the signer. It lives as long as `key` and
 * `*owner`, which the caller frees (NULL: nothing to free). NULL: OpenSSL alone signs
 * with it. */
const struct signing_key *engine_private_key(EVP_PKEY *key, EVP_PKEY **owner);
EVP_PKEY *engine_adopt_key(EVP_PKEY *key);

/* A session that awaits a key operation must not be freed as it is, because its stack is
 * in use: this makes its handshake fail. It may write to the session's BIO. Does nothing
 * for any other session; call it before every SSL_free(). */
void engine_abandon(SSL *ssl);

bool engine_is_batched(void);
/* Returns whether sessions may report that they await a key operation. */
bool engine_may_pause(void);
/* Returns whether there are the digests, ciphers and groups of keys that the native TLS
 * engine needs: always, except in FIPS mode. */
bool engine_supports_native(void);
/* One line for the log and `status`: "batched (crypto_mb 1.0.11: P-384, P-256, ...)", or
 * "openssl, P-384 of our own (no AVX-512 IFMA on this CPU)", or "openssl (as
 * configured)". */
const char *engine_description(void);

/* engine_pending() returns how many operations wait. engine_run() runs some: one full
 * batch (P-384 is 0.4 ms, RSA 2048 0.6) or, where there is none, a batch of each kind
 * that derives or, the next time, that signs (at worst 10 ms: RSA in every size). It
 * returns how many still wait. Each session whose operation is done is told through its
 * SSL_set_async_callback() function, from inside engine_run(): it should note that, and
 * may continue (SSL_do_handshake) afterwards. */
size_t engine_pending(void);
size_t engine_pending_urgent(void);
size_t engine_fullest(bool urgent_only); /* of the most frequent kind; 8 fill a batch */
/* Those for which a fuller batch is worth a wait, here or with the signer. */
size_t engine_costly(void);
size_t engine_run(void);
/* Like engine_run(), for the urgent operations alone. */
size_t engine_run_urgent(void);

/* Calls SSL_do_handshake(). The key operations of an urgent handshake precede others. */
int engine_handshake(SSL *ssl, bool urgent);

/* engine_flush() calls `flush` to send what waits for the signer: once an iteration of
 * the loop, before it waits. */
void engine_flush_by(void (*flush)(void *owner), void *owner);
void engine_flush(void);
/* Returns whether the signer has answered since the last call: some sessions may
 * continue. */
bool engine_signatures_came(void);
/* Returns whether the signer has enough to do for now, not counting urgent operations. */
bool engine_signer_is_busy(void);

/* For an idle loop: engine_refill() makes eight ephemeral keys in advance, or frees the
 * memory of sessions that paused, and returns whether it did. engine_may_refill() returns
 * whether there is such work. */
bool engine_may_refill(void);
bool engine_refill(void);

#endif
