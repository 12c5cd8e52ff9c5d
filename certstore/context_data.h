/*
 * context_data.h - what is kept beside an SSL_CTX of context_new(), and lives as long: an
 * SSL may outlive context_free().
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_DATA_H
#define WLBPROXY_CERTSTORE_CONTEXT_DATA_H

#include <stddef.h>

#include <openssl/types.h>

#include "certstore/tls_policy.h"

struct sni_choice;

struct context_data {
    struct tls_policy policy;
    OSSL_LIB_CTX *libctx;
    EVP_CIPHER *ticket_cipher;
    void *owner; /* see context_owner() */
    SSL_CTX *successor; /* whose certificates are shown instead; NULL: its own */
    const struct sni_choice *choices; /* borrowed */
    size_t choice_count;
};

/* Zeroed, and from now on the context's. */
struct context_data *context_data_new(SSL_CTX *context);
struct context_data *context_data(const SSL_CTX *context); /* NULL: it has none */

#endif
