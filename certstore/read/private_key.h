/*
 * private_key.h - the private key in PEM blocks: PKCS#8, PKCS#1, SEC 1.
 */
#ifndef WLBPROXY_CERTSTORE_READ_PRIVATE_KEY_H
#define WLBPROXY_CERTSTORE_READ_PRIVATE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct pem_block;

/* Reads DER in any of the three forms. NULL if it is not a private key. Never prompts. */
EVP_PKEY *private_key_parse(const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx);

/* Returns whether a block's key is encrypted, judged by its label or its headers. */
bool private_key_is_encrypted(const struct pem_block *block);

/* Returns whether it is in ssh-keygen's own format, which OpenSSL does not read. */
bool private_key_is_openssh(const struct pem_block *block);

/* Signs something and verifies it with `public_key`, as a handshake will. */
bool private_key_works(EVP_PKEY *key, EVP_PKEY *public_key);

#endif
