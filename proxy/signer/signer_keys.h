/*
 * signer_keys.h - the private keys of the signer, by generation, and one signature with
 * one of them.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_KEYS_H
#define WLBPROXY_SIGNER_SIGNER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/signing_request.h"

struct error;

/* Loads the keys of a generation (key_snapshot.h). They sign from now on. */
bool signer_keys_load(const char *bytes, size_t len, struct error *err);
/* Forget the keys of one generation, of all older ones, of all. */
void signer_keys_forget(uint32_t generation);
void signer_keys_retire_before(uint32_t generation);
void signer_keys_destroy(void);
size_t signer_keys_count(void);

/* One signature: `key`, `scheme`, the digest and its length come from the request. */
struct signer_task {
    uint64_t key;
    uint16_t scheme;
    const unsigned char *input;
    size_t input_len;
    /* Valid after signer_keys_begin() and, unless that returned true,
     * operations_run(). */
    unsigned char *signature;
    size_t signature_len; /* 0: refused */
    struct signing_request request;
    unsigned char other[2048];
};

/* True: it is done. False: it waits in a batch; after that has run, signer_keys_end() has
 * the result. */
bool signer_keys_begin(struct signer_task *task);
void signer_keys_end(struct signer_task *task);

#endif
