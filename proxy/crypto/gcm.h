/*
 * gcm.h - AES-GCM (NIST SP 800-38D) by Intel's ipsec-mb, four blocks an instruction.
 *
 * For CPUs with VAES and AVX-512. It is several times as fast as OpenSSL 3.0 on the short
 * records of TLS, and more than twice on long ones. The library is found at run time; a
 * build without its header never finds it.
 */
#ifndef WLBPROXY_CRYPTO_GCM_H
#define WLBPROXY_CRYPTO_GCM_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { GCM_TAG = 16, GCM_NONCE = 12, GCM_EXPANDED_MAX = 1536, GCM_ALIGNMENT = 64 };

/* One message; all borrowed for the call. */
struct gcm_message {
    const void *expanded; /* a key, by gcm_expand() */
    bool aes256; /* true: the key has 32 bytes, else 16 */
    const unsigned char *nonce; /* GCM_NONCE bytes */
    const unsigned char *aad;
    size_t aad_len;
};

/* False with the reason: there is no such CPU, or no such library. */
bool gcm_start(struct error *err);
void gcm_stop(void);
bool gcm_is_there(void);
const char *gcm_description(void); /* "ipsec-mb 1.3.0"; "" without the library */

/* `expanded`: GCM_EXPANDED_MAX bytes, aligned to GCM_ALIGNMENT; it is a secret like the
 * key. */
void gcm_expand(void *expanded, const unsigned char *key, bool aes256);

/* `to` may be `from`. `last`, if not NULL, points to one more byte of plaintext. */
void gcm_seal(const struct gcm_message *message, unsigned char *to,
    const unsigned char *from, size_t len, const unsigned char *last,
    unsigned char tag[GCM_TAG]);
/* Computes the right tag: the caller compares it, and discards `to` if it differs. */
void gcm_open(const struct gcm_message *message, unsigned char *to,
    const unsigned char *from, size_t len, unsigned char tag[GCM_TAG]);

#endif
