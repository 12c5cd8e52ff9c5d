/*
 * tls_session.h - the inside of struct tls, for the tls*.c files only.
 */
#ifndef WLBPROXY_TLS_TLS_SESSION_H
#define WLBPROXY_TLS_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/tls.h"

struct handshake;
struct tls_native;
struct tls_records;
struct traffic;

enum { TLS_RECORD_HEADER = 5, TLS_EXPLICIT_NONCE = 8 };

/* Where in the records of one direction the bytes stand (RFC 8446, 5.1). */
struct tls_follow {
    uint16_t body_left;
    uint8_t header_len, nonce_len;
    bool past_first;
    unsigned char header[TLS_RECORD_HEADER];
    unsigned char nonce[TLS_EXPLICIT_NONCE]; /* what the latest body begins with */
    uint32_t records; /* since the ChangeCipherSpec, or since traffic keys are known */
};

/* What a handshake came to: all that is asked of an established session. */
struct tls_negotiated {
    const char *version, *cipher, *group; /* of OpenSSL's, live with the context */
    SSL_CTX *context; /* our reference */
    char *sni, *alpn; /* NULL: none */
    char *peer_subject, *peer_sha256; /* NULL: no verified certificate */
    enum tls_version_kind version_kind;
    enum tls_group_kind group_kind;
    enum tls_cipher_kind cipher_kind;
    enum tls_signature_kind signature_kind;
    bool resumed;
};

struct tls {
    /* Who shakes hands: neither, until a ClientHello is whole; then one of the two. Later
     * on `ssl` only where records are OpenSSL's. */
    struct tls_native *native;
    SSL *ssl;
    SSL_CTX *context; /* our reference */
    struct buffer *out;

    const char *in; /* ciphertext to be read: the caller's, or that in `kept` */
    size_t in_len;
    struct buffer kept;
    struct buffer hello; /* the first bytes of the peer, until the handshake is done */

    struct tls_follow read, written; /* by OpenSSL */
    uint32_t
        empty_records; /* records that brought no plaintext, against their allowance */
    uint32_t allowance_bytes;

    struct traffic *traffic; /* of a handshake whose records may become ours */
    struct tls_records *records; /* NULL: they are OpenSSL's */
    struct buffer partial; /* a record of theirs that did not come whole yet */
    struct tls_negotiated *outcome; /* NULL: not open yet */

    bool recognised, answered, open, ended, dead, awaiting, keys_ready, flooded;
    bool proxy_protocol; /* came in place of TLS */
    int alert_received, alert_sent; /* -1: none */
    unsigned long error; /* OpenSSL's, packed */
    const char *text;
};

enum {
    TLS_BARREN_MAX = 33, /* OpenSSL itself objects to the 33rd empty record */
    TLS_HANDSHAKE_RECORDS_MAX = 16 * 1024 /* one byte a record is allowed */
};

/* tls.c */
void tls_earn(struct tls *tls, size_t len); /* plaintext pays for records without any */
int tls_used_up(struct tls *tls);

/* tls_native.c: a usual ClientHello is answered by proxy/handshake. TLS_OPENED: it is;
 * TLS_NEED_INPUT: there is more to come of it; else it is OpenSSL's. */
int tls_native_begin(struct tls *tls);
int tls_native_read(struct tls *tls, char *plain, size_t capacity);
/* From the record layer: one that was opened. 0: read on. */
int tls_native_deliver(struct tls *tls, int type, const unsigned char *plain, size_t len);
/* May a record of that type come without encryption, although there are keys? */
bool tls_native_allows_clear(const struct tls *tls, int type);
const char *tls_native_host_name(const struct tls *tls); /* NULL: none */
SSL_CTX *tls_native_context(const struct tls *tls);
void tls_native_free(struct tls_native *native);

/* tls_bio.c: our input and output as a BIO. */
BIO *tls_bio_new(struct tls *tls);

/* tls_negotiated.c: of a handshake that is done. */
struct tls_negotiated *tls_negotiated_of(SSL *ssl);
struct tls_negotiated *tls_info_of_native(struct handshake *handshake);
void tls_negotiated_free(struct tls_negotiated *outcome);

/* tls_takeover.c: the session goes on without OpenSSL, if it can. */
void tls_take_over(struct tls *tls);
struct tls_records *tls_records_new(void); /* nothing is encrypted yet */

/* tls_records.c: as tls_read() and the others, of a session that was taken over. */
int tls_records_read(struct tls *tls, char *plain, size_t capacity);
bool tls_records_write(struct tls *tls, const char *plain, size_t len);
void tls_records_end(struct tls *tls);
void tls_records_free(struct tls_records *records);

/* tls_hello.c: what a ClientHello offers, read from the peer's first bytes. */
struct tls_hello {
    bool complete;
    bool tls13, tls12, older; /* versions offered */
    bool has_groups;
    char offered[256];
};
void tls_hello_read(struct tls_hello *hello, const char *bytes, size_t len);

/* tls_failure.c: of a session that is dead; the likely cause in words, "" if unknown. */
enum tls_failure_kind tls_failure_find(
    const struct tls *tls, const struct tls_hello *hello, char *text, size_t size);

#endif
