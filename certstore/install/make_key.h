/*
 * make_key.h - a new private key of a kind that XenServer or other clients can use.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_MAKE_KEY_H
#define WLBPROXY_CERTSTORE_INSTALL_MAKE_KEY_H

#include <stdbool.h>

#include <openssl/types.h>

struct error;

struct key_kind {
    int rsa_bits; /* 0: elliptic */
    const char *curve; /* NULL: RSA */
};

#define KEY_KINDS "rsa[:2048|3072|4096], ec[:P-256|P-384]"

/* Returns whether the word names a kind, and not a file. */
bool key_kind_is_meant(const char *text);
/* "rsa", "rsa:3072", "ec", "ec:P-384" */
bool key_kind_parse(const char *text, struct key_kind *kind, struct error *err);
bool key_kind_fits(const struct key_kind *kind, EVP_PKEY *key);

/* Takes seconds for large ones. NULL and err if OpenSSL cannot. */
EVP_PKEY *key_make(const struct key_kind *kind, struct error *err);

#endif
