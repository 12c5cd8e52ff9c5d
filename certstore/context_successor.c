#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/context_parts.h"

static bool use_current_of(SSL *ssl, SSL_CTX *fresh)
{
    STACK_OF(X509) *chain = NULL;

    return SSL_CTX_get0_chain_certs(fresh, &chain) == 1 &&
        SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(fresh),
            SSL_CTX_get0_privatekey(fresh), chain, 1) == 1;
}

/* Runs when the ClientHello is complete and a certificate is about to be chosen, after a
 * HelloRetryRequest the second one. The session's policy stays what it was. */
static int on_certificate(SSL *ssl, void *data)
{
    const struct context_state *state = data;
    SSL_CTX *fresh = state->successor;
    long more;

    if (fresh == NULL)
        return 1;
    SSL_certs_clear(ssl);
    for (more = SSL_CTX_set_current_cert(fresh, SSL_CERT_SET_FIRST); more == 1;
         more = SSL_CTX_set_current_cert(fresh, SSL_CERT_SET_NEXT)) {
        if (!use_current_of(ssl, fresh))
            return 0;
    }
    return 1;
}

void context_watch_successor(SSL_CTX *context)
{
    SSL_CTX_set_cert_cb(context, on_certificate, context_state(context));
}

void context_supersede(SSL_CTX *context, SSL_CTX *fresh)
{
    struct context_state *state = context_state(context);

    SSL_CTX_up_ref(fresh);
    SSL_CTX_free(state->successor);
    state->successor = fresh;
}

SSL_CTX *context_shown(SSL_CTX *context)
{
    SSL_CTX *successor = context_state(context)->successor;

    return successor != NULL ? successor : context;
}
