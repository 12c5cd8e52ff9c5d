/*
 * context_choice.h - chooses a context by the server name of a ClientHello, and the
 * certificates of its successor after a reload. context.h has the interface for others.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_CHOICE_H
#define WLBPROXY_CERTSTORE_CONTEXT_CHOICE_H

#include <stdbool.h>

#include <openssl/types.h>

/* Digest of the host name in a ClientHello that is being answered (session.h). */
bool context_host_digest(SSL *ssl, unsigned char *host);

/* Handshakes of the context show the certificates of its successor, if
 * context_supersede() has set one. */
void context_show_successors(SSL_CTX *context);

#endif
