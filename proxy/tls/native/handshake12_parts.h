/*
 * handshake12_parts.h - the inside of a handshake of TLS 1.2, for handshake12*.c.
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE12_PARTS_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE12_PARTS_H

#include "proxy/crypto/signing_request.h"
#include "proxy/tls/native/handshake_parts.h"
#include "proxy/tls/native/messages12.h"
#include "proxy/tls/native/ticket.h"

enum { KEY_BLOCK_12_MAX = 2 * (RECORD_KEY_MAX + RECORD_NONCE) };

enum phase_12 {
    AWAIT_SIGNATURE,
    AWAIT_KEY_EXCHANGE,
    AWAIT_SECRET,
    AWAIT_CHANGE_CIPHER_SPEC,
    AWAIT_FINISHED,
};

/* What is needed until the server's first flight of a full handshake is complete. */
struct flight_12 {
    struct signing_request signing;
    const struct shown *shown;
    unsigned char hello[SERVER_HELLO_12_MAX];
    size_t hello_len;
    unsigned char parameters[PARAMETERS_12_MAX];
    size_t parameters_len;
};

struct handshake12 {
    struct handshake common;
    enum phase_12 phase;
    bool gives_ticket;
    struct ticket session; /* its secret is the master secret */
    struct digest_key master; /* that, made ready */
    struct digest_state transcript;
    unsigned char client_random[RANDOM_12], server_random[RANDOM_12];
    unsigned char salt[TICKET_SALT];
    struct flight_12 *flight; /* NULL: it is gone */
    struct key_exchange_key own, peer;
    struct operation derivation;
    unsigned char premaster[KEY_EXCHANGE_SECRET_MAX];
    unsigned char block[KEY_BLOCK_12_MAX];
    unsigned char expected[VERIFY_DATA_12]; /* of the client */
};

static inline struct handshake12 *handshake12_of(struct handshake *handshake)
{
    return (struct handshake12 *)(void *)handshake;
}

/* handshake12.c. Where the result is bool, false means FAILED. */
struct handshake12 *handshake12_new(
    const struct handshake_start *start, const struct suite *suite);
struct server_hello_12 handshake12_answer(
    const struct handshake12 *h, const struct handshake_start *start);
/* Into the transcript, and out. */
bool handshake12_send(struct handshake12 *h, const unsigned char *messages, size_t len);
/* The keys of records, from the master secret. */
void handshake12_make_keys(struct handshake12 *h);
/* NewSessionTicket, if there is to be one, ChangeCipherSpec, Finished. */
bool handshake12_finish(struct handshake12 *h);
/* The next message is the client's Finished. */
void handshake12_expect_finished(struct handshake12 *h);
bool handshake12_fail_inside(struct handshake12 *h); /* returns false */

/* handshake12_full.c. NULL: it is OpenSSL's. */
struct handshake *handshake12_begin_full(const struct handshake_start *start);
void handshake12_go_on(struct handshake *handshake);
void handshake12_on_key_exchange(
    struct handshake12 *h, const unsigned char *message, size_t len);
void handshake12_end_flight(struct handshake12 *h);

/* handshake12_resumed.c. NULL: there is no such session. */
struct handshake *handshake12_begin_resumed(const struct handshake_start *start);

#endif
