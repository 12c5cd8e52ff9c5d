/*
 * context_choice.h - which context, and whose certificates, a ClientHello gets: by its
 * server name, and by what a reload put in a context's place. What others call is in
 * context.h.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_CHOICE_H
#define WLBPROXY_CERTSTORE_CONTEXT_CHOICE_H

#include <stdbool.h>

#include <openssl/types.h>

/* Digest of the host name that a ClientHello under way asks for (session.h). */
bool context_host_digest(SSL *ssl, unsigned char *host);

/* Handshakes of the context show the certificates of its successor, where
 * context_supersede() has given it one. */
void context_show_successors(SSL_CTX *context);

#endif
