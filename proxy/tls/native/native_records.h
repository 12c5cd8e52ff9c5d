/*
 * native_records.h - a session of the native engine, and its records (RFC 8446, 5; RFC
 * 5246, 6; RFC 5288 and 7905 for the ciphers).
 *
 * Every failure is answered by the alert that the RFC names, and ends the session.
 */
#ifndef WLBPROXY_TLS_NATIVE_NATIVE_RECORDS_H
#define WLBPROXY_TLS_NATIVE_NATIVE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/record_cipher.h"
#include "proxy/tls/tls_session.h"

struct native_handshake;

enum {
    TLS_EXPLICIT_NONCE = 8,
    TLS_MESSAGE_HEADER = 4,
    TLS_KEY_UPDATE = TLS_MESSAGE_HEADER + 1, /* a whole one */
    TLS_OPENED_RECORD_MAX = TLS_PLAINTEXT_MAX + 1024, /* RFC 5246, 6.2.3 */
};

/* One direction. */
struct tls_direction {
    bool clear; /* there are no keys yet */
    struct record_key key;
    unsigned char iv[RECORD_NONCE]; /* TLS 1.2's AES-GCM uses the first four */
    uint64_t sequence;
    unsigned char secret[DIGEST_MAX]; /* TLS 1.3: the next one is derived from it */
};

struct tls_records {
    bool tls13;
    bool explicit_nonce; /* TLS 1.2's AES-GCM: eight bytes travel with the record */
    const struct digest *digest; /* of the key schedule */
    uint64_t rekey_after; /* own records with one key, RFC 8446, 5.5 */
    struct tls_direction in, out;
    /* A handshake message that is coming in: its bytes so far, and how many to skip. */
    unsigned char message[TLS_KEY_UPDATE];
    size_t message_len, skip;
    unsigned warnings; /* in a row */
    bool silent; /* close_notify was sent, or sealing failed: no more records are sent */
};

struct tls_native {
    struct native_handshake *handshake; /* NULL: it is done */
    struct tls_records records;
    struct buffer partial; /* a record that has not come whole yet */
};

static inline struct tls_native *tls_native_of(const struct tls *tls)
{
    return tls->session;
}

static inline struct tls_records *tls_records_of(const struct tls *tls)
{
    return &tls_native_of(tls)->records;
}

/* The first sets TLS 1.3's keys of a direction from its secret, the
 * second those of the next secret (RFC 8446, 7.2). */
void tls_direction_begin(struct tls_direction *direction,
    const struct tls_records *records, enum record_cipher cipher);
bool tls_direction_next(
    struct tls_direction *direction, const struct tls_records *records);
void tls_records_init(struct tls_records *records); /* nothing is encrypted yet */
void tls_records_destroy(struct tls_records *records);

/* Opens the next record into `plain`, which has room for TLS_OPENED_RECORD_MAX. 1: it is
 * in `opened`. Else a result of tls_read(): more input is needed, or the session is
 * over. */
struct opened_record {
    int type;
    size_t len;
};
int tls_records_open(struct tls *tls, unsigned char *plain, struct opened_record *opened);
bool tls_records_write(struct tls *tls, const char *plain, size_t len);
void tls_records_end(struct tls *tls);
/* Once the session is silent it seals nothing, which is not a failure. */
bool tls_seal(struct tls *tls, int type, const void *bytes, size_t len);
/* Ends the session with that alert; returns TLS_FAILED. */
int tls_refuse(struct tls *tls, int alert, const char *text);
int tls_refuse_flood(struct tls *tls); /* returns TLS_FLOOD */
bool tls_rekey_out(struct tls *tls); /* TLS 1.3: tells the peer, and changes keys */

#endif
