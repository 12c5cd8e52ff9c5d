/*
 * signer_keys.h - the private keys of the signer, by generations, and one signature with
 * one of them.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_KEYS_H
#define WLBPROXY_SIGNER_SIGNER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/signing_request.h"

struct error;

/* A generation's keys, as key_snapshot.h has them: from now on they sign. */
bool signer_keys_load(const char *bytes, size_t len, struct error *err);
/* Those of one generation, of all older ones, of all. */
void signer_keys_forget(uint32_t generation);
void signer_keys_retire_before(uint32_t generation);
void signer_keys_destroy(void);
size_t signer_keys_count(void);

/* One signature: `key`, `scheme`, the digest and its length are the request's. */
struct signer_task {
    uint64_t key;
    uint16_t scheme;
    const unsigned char *input;
    size_t input_len;
    /* After signer_keys_begin() and, unless that returned true, operations_run(). */
    unsigned char *signature;
    size_t signature_len; /* 0: refused */
    struct signing_request request;
    unsigned char other[2048];
};

/* True: it is done. False: it waits in a batch, and signer_keys_end() has its result when
 * that has run. */
bool signer_keys_begin(struct signer_task *task);
void signer_keys_end(struct signer_task *task);

#endif
