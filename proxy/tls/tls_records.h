/*
 * tls_records.h - the inside of the records of an established session, for tls_*.c only.
 *
 * Takes the place of OpenSSL's record layer after the handshake (RFC 8446, 4.6 and 5; RFC
 * 5246, 6; RFC 5288 and 7905 for the ciphers). Every failure is answered by the alert the
 * RFC names, and ends the session.
 */
#ifndef WLBPROXY_TLS_TLS_RECORDS_H
#define WLBPROXY_TLS_TLS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/record_cipher.h"

struct tls;

enum {
    TLS_PLAINTEXT_MAX = 16384,
    TLS_MESSAGE_HEADER = 4,
    TLS_KEY_UPDATE = TLS_MESSAGE_HEADER + 1, /* a whole one */
};

/* One direction. */
struct tls_direction {
    bool clear; /* there are no keys yet */
    struct record_key key;
    unsigned char iv[RECORD_NONCE]; /* of TLS 1.2's AES-GCM the first four count */
    uint64_t sequence;
    unsigned char secret[DIGEST_MAX]; /* TLS 1.3: the next one comes from it */
};

struct tls_records {
    bool tls13;
    bool explicit_nonce; /* TLS 1.2's AES-GCM: eight bytes travel with the record */
    uint64_t first_nonce; /* of ours: what the peer was sent of OpenSSL's, and on */
    const struct digest *digest; /* of the key schedule */
    size_t largest; /* plaintext in one record, RFC 6066, 4 */
    uint64_t rekey_after; /* records of ours with one key, RFC 8446, 5.5 */
    struct tls_direction in, out;
    /* A handshake message on its way in: what there is of it, and what is to be skipped.
     */
    unsigned char message[TLS_KEY_UPDATE];
    size_t message_len, skip;
    unsigned warnings; /* in a row */
    bool silent; /* close_notify was sent, or our keys failed: nothing follows */
};

/* tls_takeover.c: TLS 1.3's keys of that direction, from its secret; and from the next
 * one (RFC 8446, 7.2). */
void tls_direction_begin(struct tls_direction *way, const struct tls_records *records,
    enum record_cipher cipher);
bool tls_direction_next(struct tls_direction *way, const struct tls_records *records);

/* tls_records.c. Nothing is sealed, and that is no failure, once the session is silent.
 */
bool tls_seal(struct tls *tls, int type, const void *bytes, size_t len);
/* Ends the session with that alert; returns TLS_FAILED. */
int tls_refuse(struct tls *tls, int alert, const char *text);
int tls_refuse_flood(struct tls *tls); /* returns TLS_FLOOD */
bool tls_rekey_out(struct tls *tls); /* TLS 1.3: tells the peer, and changes keys */

/* post_handshake.c: alerts, and what is left of handshaking (RFC 8446, 4.6 and 6). 0: read on;
 * else what tls_read() says. */
int tls_on_alert(struct tls *tls, const unsigned char *bytes, size_t len);
int tls_on_handshake(struct tls *tls, const unsigned char *bytes, size_t len);

#endif
