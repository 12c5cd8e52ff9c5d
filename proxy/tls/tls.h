/*
 * tls.h - one TLS session as a pure transformation of bytes.
 *
 * Does no I/O: ciphertext from the peer goes in by tls_feed(), ciphertext for the peer
 * comes out in the buffer given at creation. Whenever any of these functions has
 * returned, that buffer may hold bytes to send.
 *
 * One of two engines does the whole handshake and all records: OpenSSL, or the native one
 * where the policy chooses it (context.h) and it supports the ClientHello. Any other
 * ClientHello goes to OpenSSL unchanged, byte for byte. Where the
 * proxy is the client (tls_client()), OpenSSL does all.
 */
#ifndef WLBPROXY_TLS_TLS_H
#define WLBPROXY_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/tls_counts.h"

struct buffer;
struct tls;
struct tls_context; /* cast of SSL_CTX */

enum {
    TLS_NEED_INPUT = 0, /* all input is consumed, feed more */
    TLS_END = -1, /* peer sent close_notify */
    TLS_FAILED = -2, /* session is dead, see tls_error() */
    TLS_NEED_KEYS = -3, /* awaits a key operation: call again after engine_run() */
    TLS_PLAIN_HTTP = -4, /* the first bytes were a plain HTTP request */
    TLS_FLOOD = -5, /* too many empty records, KeyUpdates or warnings */
    TLS_OPENED = -6, /* the handshake is done just now: read on */
};

/* The facts about a session for logs and counters. Strings are static or live with it or
 * until the next tls_info(). */
struct tls_info {
    const char *engine; /* "openssl", "native"; "-" before it is chosen */
    const char *version; /* "TLSv1.3"; "" before it is known */
    const char *cipher; /* "TLS_AES_128_GCM_SHA256" */
    const char *group; /* "X25519" */
    const char *sni; /* "" if none was sent; attacker's text: quote it */
    const char *alpn;
    const char *peer_subject; /* of a verified client certificate, "" if none */
    const char *peer_cn; /* its last CN, which may hold any byte but NUL */
    const char *peer_sha256;
    void *service; /* owner of the context chosen by SNI, NULL = the default */
    bool resumed, handshake_done;
    /* Known once a ClientHello was seen; for a failed handshake's log line. */
    char offered[256]; /* "versions=1.2 groups=P-256,P-384 ciphers=4 sigalgs=8" */
    char cause[192]; /* likely cause, in words; "" if none is known */
    enum tls_failure_kind cause_kind; /* OTHER if none is known */
    const char *alert; /* "unknown CA": received or sent; "" if none */
};

/* Takes its own reference on context. `out` is borrowed until tls_free(). */
struct tls *tls_server(struct tls_context *context, struct buffer *out);

/* The client side, for a context of context_backend.h; the first tls_read() writes the
 * ClientHello. The server has to prove that it is `name`, which is copied. */
struct tls *tls_client(struct tls_context *context, const char *name, struct buffer *out);

void tls_free(struct tls *tls); /* may still write to `out` */

/* `data` is borrowed until tls_read() returns TLS_NEED_INPUT or an error, or until
 * tls_keep() has copied the rest of it. The first reads drive the handshake. */
void tls_feed(struct tls *tls, const char *data, size_t len);
void tls_keep(struct tls *tls);

/* From now on the key operations of this session's handshake precede others, or not. The
 * default is not. */
void tls_set_urgent(struct tls *tls, bool urgent);

/* Returns plaintext bytes (> 0) or one of the codes above. `plain` needs room for a
 * record: 32 KiB is enough. */
int tls_read(struct tls *tls, char *plain, size_t capacity);

/* Encrypts all of `plain`. Only after TLS_OPENED. False after tls_end(), too. */
bool tls_write(struct tls *tls, const char *plain, size_t len);

/* Writes close_notify. */
void tls_end(struct tls *tls);

/* For an open session, as in tls_info, at no cost. */
bool tls_is_resumed(const struct tls *tls);
void *tls_service(const struct tls *tls);
/* Returns the service that would have been chosen if the client had asked for this name
 * on a connection whose first context was `context`. */
void *tls_service_named(struct tls_context *context, const char *name, size_t len);
/* Returns whether the peer has not sent a byte yet. */
bool tls_is_untouched(const struct tls *tls);
/* Returns whether its ClientHello was answered: the rest of the handshake is up to the
 * peer. */
bool tls_is_answered(const struct tls *tls);
bool tls_awaits_keys(const struct tls *tls);
bool tls_keys_are_ready(const struct tls *tls); /* no longer awaited: read on */
bool tls_has_input(const struct tls *tls); /* fed, and not consumed */
size_t tls_input(const struct tls *tls, const char **bytes); /* the same bytes, to look
                                                              * at */
const char *tls_error(const struct tls *tls);

/* True at this moment; valid until the next call for any session. */
const struct tls_info *tls_info(struct tls *tls);

/* Counts a finished handshake. It compares numbers, not names. */
void tls_counts_count(struct tls_counts *tally, const struct tls *tls);

#endif
