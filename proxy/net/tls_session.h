/*
 * tls_session.h - the inside of struct tls, for the tls*.c files only.
 */
#ifndef WLBPROXY_NET_TLS_SESSION_H
#define WLBPROXY_NET_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/net/tls.h"

enum { TLS_RECORD_HEADER = 5 };

struct tls {
    SSL *ssl;
    struct buffer *out;

    const char *in; /* ciphertext to be read: the caller's, or that in `kept` */
    size_t in_len;
    struct buffer kept;
    struct buffer hello; /* the first bytes of the peer, until the handshake is done */

    /* RFC 8446, 5.1: where in a record the input stands. */
    uint16_t body_left;
    uint8_t header_len;
    unsigned char header[TLS_RECORD_HEADER];
    uint32_t barren; /* records that brought no plaintext, against their allowance */
    uint32_t allowance_bytes;

    bool recognised, open, ended, dead, awaiting, keys_ready, flooded, past_first;
    int alert_received, alert_sent; /* -1: none */
    unsigned long error; /* OpenSSL's, packed */
    const char *text;
};

/* tls_bio.c: our input and output as a BIO. */
BIO *tls_bio_new(struct tls *tls);

/* tls_hello.c: what a ClientHello offers, read from the peer's first bytes. */
struct tls_hello {
    bool complete;
    bool tls13, tls12, older; /* versions offered */
    bool has_groups;
    char offered[256];
};
void tls_hello_read(struct tls_hello *hello, const char *bytes, size_t len);

/* tls_cause.c: of a session that is dead; the likely cause in words, "" if unknown. */
enum tls_cause_kind tls_cause_find(
    const struct tls *tls, const struct tls_hello *hello, char *text, size_t size);

#endif
