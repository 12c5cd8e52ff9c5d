/*
 * private_key.h - the private key in PEM blocks: PKCS#8, PKCS#1, SEC 1.
 */
#ifndef WLBPROXY_CERTSTORE_READ_PRIVATE_KEY_H
#define WLBPROXY_CERTSTORE_READ_PRIVATE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct pem_block;

/* From DER; any of the three forms. NULL if it is not a private key. Never prompts. */
EVP_PKEY *private_key_parse(const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx);

/* Whether a block's key is under a passphrase, by its label or its headers. */
bool private_key_is_encrypted(const struct pem_block *block);

/* As ssh-keygen writes it: a format of its own, which OpenSSL does not read. */
bool private_key_is_openssh(const struct pem_block *block);

/* Signs something and verifies it with `public_key`: what a handshake will do. */
bool private_key_works(EVP_PKEY *key, EVP_PKEY *public_key);

#endif
