/*
 * context_parts.h - what we keep beside an SSL_CTX, for the files that build one.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_PARTS_H
#define WLBPROXY_CERTSTORE_CONTEXT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certstore/context.h"
#include "config/settings.h"

/* Lives as long as the SSL_CTX: an SSL may outlive context_free(). */
struct context_policy {
    OSSL_LIB_CTX *libctx;
    EVP_CIPHER *ticket_cipher;
    const struct ticket_keys *tickets; /* borrowed; NULL = no tickets */
    void *owner; /* see context_owner() */
    SSL_CTX *successor; /* whose certificates are shown instead; NULL: its own */
    char *groups, *ciphersuites; /* as given to the library */
    struct text_list pins, names; /* of clients; none: any that is trusted */
    bool trusts_pins_alone; /* there is no ca */
    const struct sni_choice *choices; /* borrowed */
    size_t choice_count;
    unsigned char binding[SESSION_BINDING];
    bool chooses_protocol;
};

struct context_policy *context_policy(const SSL_CTX *context);
const struct context_policy *context_policy_of(const SSL *ssl);

/* Makes context_supersede() possible. */
void context_watch_successor(SSL_CTX *context);

/* Whom the service trusts to name its clients. */
bool context_set_client_verification(SSL_CTX *context, OSSL_LIB_CTX *libctx,
    const struct service_settings *service, const char *ca_pem, const char *crl_pem,
    struct error *err);

#endif
