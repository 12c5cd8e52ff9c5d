/*
 * signing_request.h - one signature with a certificate's key, from the hash to the bytes
 * that TLS sends.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_REQUEST_H
#define WLBPROXY_CRYPTO_SIGNING_REQUEST_H

#include <stdbool.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/operation.h"

/* Stays in place until the operation is done. */
struct signing_request {
    struct operation operation; /* afterwards job.signing.signature_len is its length */
    unsigned char hash[DIGEST_MAX];
    unsigned char block[SIGNATURE_MAX];
    unsigned char signature[SIGNATURE_MAX];
};

/* `hash` is there already, and of the digest's length; PSS has the salt length of RFC
 * 8446, 4.2.3. False: the key is too short for the digest, or OpenSSL has no random
 * bytes, or TLS has no such scheme. */
bool signing_request_init(struct signing_request *request, const struct signing_key *key,
    const struct digest *digest, bool pss);

/* The same with a remote key; `input` stays in place as long as the request. */
void signing_request_init_remote(struct signing_request *request,
    const struct signing_key *key, uint16_t scheme, const unsigned char *input,
    size_t input_len);

#endif
