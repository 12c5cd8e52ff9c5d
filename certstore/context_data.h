/*
 * context_data.h - data beside an SSL_CTX of context_new(), with the same life: an SSL
 * may outlive context_free().
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
    SSL_CTX *successor; /* its certificates are shown instead; NULL: the context's own */
    const struct sni_choice *choices; /* borrowed */
    size_t choice_count;
};

/* Returns it zeroed; the context owns it from now on. */
struct context_data *context_data_new(SSL_CTX *context);
struct context_data *context_data(const SSL_CTX *context); /* NULL: it has none */

#endif
