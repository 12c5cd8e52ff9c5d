/*
 * tls_openssl.h - the openssl engine's part of a session, for tls_openssl*.c and
 * tls_bio.c only.
 */
#ifndef WLBPROXY_TLS_TLS_OPENSSL_H
#define WLBPROXY_TLS_TLS_OPENSSL_H

#include "proxy/tls/tls_session.h"

/* The position in the peer's records (RFC 8446, 5.1). */
struct tls_follow {
    uint16_t body_left;
    uint8_t header_len;
    bool past_first;
    unsigned char header[TLS_RECORD_HEADER];
};

struct tls_openssl {
    SSL *ssl;
    struct tls_follow read;
};

/* tls_bio.c: our input and output as a BIO. */
BIO *tls_bio_new(struct tls *tls);

/* tls_negotiated.c: the result of a finished handshake. */
struct tls_negotiated *tls_openssl_outcome(SSL *ssl);

#endif
