/*
 * engine.h - who does a worker's key operations.
 *
 *                  batched            of our own         stock
 *     P-384        crypto_mb, p384.h  p384.h             OpenSSL
 *     P-256, RSA   crypto_mb, OpenSSL OpenSSL            OpenSSL
 *     X25519       OpenSSL            OpenSSL            OpenSSL
 *     ECDSA        crypto_mb, OpenSSL OpenSSL            OpenSSL
 *     TLS's KDFs   ours               ours               OpenSSL
 *
 * crypto_mb, Intel's library, does eight at a time and needs AVX-512 IFMA; where two are
 * named, the second does what waits alone. Handshakes of our own submit their operations
 * (operation.h). One of OpenSSL's does not know: with batching it may report that it
 * awaits a key operation (SSL_ERROR_WANT_ASYNC). Both are gone on with after
 * engine_run(). One per process.
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
    ENGINE_AUTO, /* the first of the three that this machine can */
    ENGINE_BATCHED, /* that, or an error */
    ENGINE_OWN, /* as AUTO without AVX-512: for tests and measurements */
};

/* Before engine_start(), in a worker whose private keys are the signer's: engine_adopt()
 * then takes public keys, which the signer
 * knows by their `key_number`, and any handshake may report that it awaits a key
 * operation. */
void engine_use_signer(uint64_t (*key_number)(X509 *leaf));
uint64_t engine_key_number(X509 *leaf);
bool engine_signs_remotely(void);

/* Chooses, loads, self-tests. Call before the process gives up reading files. False only
 * when it must be batched and cannot, or the signer cannot be used. */
bool engine_start(enum engine_choice choice, struct error *err);
void engine_stop(void);

/* The library context keys and SSL_CTXs must be made in; NULL = OpenSSL's default one. */
OSSL_LIB_CTX *engine_libctx(void);

/* Lets the engine sign with a finished context's RSA and P-256/P-384 keys, and its
 * sessions pause for it (SSL_MODE_ASYNC; clear it when the handshake is done:
 * SSL_clear_mode()). Keys it has nothing faster for stay as they are, and RSA keys where
 * the context's ciphers allow RSA key exchange. No-op unless batched. With the signer all
 * keys go, and suites with RSA key exchange are not offered. */
void engine_adopt(SSL_CTX *context);

/* The same key for an operation (signing_request.h); lives as long as `key`. NULL: the
 * engine does not sign with it. */
struct signing_key;
const struct signing_key *engine_signing_key(EVP_PKEY *key);
/* The signer's: of a private key of its own; lives as long as that and `holder` (NULL:
 * nothing to be freed). NULL: OpenSSL alone signs with it. */
const struct signing_key *engine_private_key(EVP_PKEY *key, EVP_PKEY **holder);
EVP_PKEY *engine_adopt_key(EVP_PKEY *key);

/* A session that awaits a key operation must not be freed as it is, for its stack is
 * still in use: this ends its handshake in failure. It may write to the session's BIO.
 * No-op for any other session; call it before every SSL_free(). */
void engine_abandon(SSL *ssl);

bool engine_is_batched(void);
/* Sessions may report that they await a key operation. */
bool engine_may_pause(void);
/* There are the digests, ciphers and groups of keys that the native TLS engine needs:
 * always, except in FIPS mode. */
bool engine_supports_native(void);
/* One line for the log and `status`: "batched (crypto_mb 1.0.11: P-384, P-256, ...)", or
 * "openssl, P-384 of our own (no AVX-512 IFMA on this CPU)", or "openssl (as
 * configured)". */
const char *engine_description(void);

/* Operations that wait, and: run some of them, one full batch (P-384 is 0.4 ms, RSA 2048
 * 0.6) or, where there is none, a batch of each kind that derives or, the next time, that
 * signs (of RSA in every size, the worst, 10 ms). Returns how many still wait. Each
 * session whose operation got done is told through its SSL_set_async_callback() function,
 * from inside engine_run(): it should note that, and may go on (SSL_do_handshake)
 * afterwards. */
size_t engine_pending(void);
size_t engine_pending_urgent(void);
size_t engine_fullest(bool urgent_only); /* most of one kind: 8 fill a batch */
size_t engine_run(void);
/* As engine_run(), of the urgent operations alone. */
size_t engine_run_urgent(void);

/* SSL_do_handshake(). The key operations of an urgent handshake are done before those of
 * others. */
int engine_handshake(SSL *ssl, bool urgent);

/* What waits for the signer leaves by `flush`, called by engine_flush(): once a turn of
 * the loop, before it waits. */
void engine_flush_by(void (*flush)(void *owner), void *owner);
void engine_flush(void);
/* Whether the signer answered since this was asked last: some sessions may go on. */
bool engine_signatures_came(void);
/* Has enough to do for now, with what is not urgent. */
bool engine_signer_is_busy(void);

/* For an idle loop: makes eight ephemeral keys ahead of need, or gives back the memory of
 * sessions that paused. True if it did work. */
bool engine_refill(void);

#endif
