/*
 * forging_client.h - a TLS client that sends any bytes, with the right keys.
 *
 * It sends the given ClientHello and uses it unchanged in the key schedule: its Finished,
 * binders and records are right for a session that no honest client would have. Its own
 * keys and random values are fixed.
 */
#ifndef WLBPROXY_TESTS_FORGING_CLIENT_H
#define WLBPROXY_TESTS_FORGING_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/tls/native/keys12.h"
#include "proxy/tls/native/schedule.h"
#include "tests/fuzz/forging_keys.h"
#include "tests/fuzz/forging_records.h"

enum { FORGING_TICKET_MAX = 4096, FORGING_STORY_MAX = 512 };

/* The session behind a ticket, on the client's side. */
struct forging_session {
    bool valid, tls13;
    uint16_t suite;
    uint32_t age_add;
    unsigned char secret[DIGEST_MAX]; /* the PSK, or TLS 1.2's master secret */
    unsigned char ticket[FORGING_TICKET_MAX];
    size_t ticket_len;
};

/* Takes `len` bytes to the server under test; the answer is in client->from. */
typedef void forging_send(void *owner, const unsigned char *bytes, size_t len);

struct forging_client {
    forging_send *send;
    void *owner;
    struct buffer from; /* from the server, not read yet */
    const struct forging_session *offered; /* NULL: none */
    struct forging_session got;

    bool tls13, resumed, extended, hears, finished, server_finished, lost, retry;
    uint16_t suite, group;
    enum record_cipher cipher;
    const struct digest *digest;
    struct buffer transcript, message;
    struct forging_direction in, out;
    struct schedule schedule;
    unsigned char client_random[RANDOM_12], server_random[RANDOM_12];
    unsigned char peer[KEY_EXCHANGE_PUBLIC_MAX];
    size_t peer_len;
    unsigned char master[MASTER_12], block[128];
    unsigned char application[DIGEST_MAX]; /* the client's traffic secret, TLS 1.3 */
    unsigned padding;
    int sent; /* the content type of the last record, 0: it was forgotten */
    bool malformed_alert; /* the last record: of another length or level */
    /* The handshake message that is being sent. */
    int message_type;
    size_t message_len, header_sent, body_left;
    bool at_header; /* the last handshake record ended with a message's header */
    bool answer_due; /* the server has not answered our KeyUpdate that asks for one */
    bool may_resume; /* it offered psk_dhe_ke (RFC 8446, 4.2.9) */
    struct buffer held; /* handshake bytes that are sent with the next ones */
    bool holds;

    char story[FORGING_STORY_MAX]; /* the server's messages, in short */
    size_t story_len;
};

void forging_begin(struct forging_client *client, forging_send *send, void *owner);
void forging_end(struct forging_client *client);

/* Sends a whole message with its header, and reads the answer. */
void forging_hello(struct forging_client *client, unsigned char *hello, size_t len);
/* Sends a record of that type, sealed if there are keys. */
void forging_say(
    struct forging_client *client, int type, const unsigned char *bytes, size_t len);
/* Returns whether the last handshake record ended amid a message. */
bool forging_is_amid(const struct forging_client *client);
/* Sends bytes without the record layer. */
void forging_say_raw(
    struct forging_client *client, const unsigned char *record, size_t len);

/* Make correct messages, with headers; 0: impossible at present. */
size_t forging_key_exchange(struct forging_client *client, unsigned char *message);
size_t forging_finished(const struct forging_client *client, unsigned char *message);
/* A handshake message that was sent, right or wrong, becomes part of the transcript. */
void forging_say_message(
    struct forging_client *client, const unsigned char *message, size_t len);
/* Changes to the keys that follow TLS 1.2's ChangeCipherSpec, TLS 1.3's Finished or
 * KeyUpdate. */
void forging_change_keys(struct forging_client *client);
void forging_update_keys(struct forging_client *client);

void forging_listen(struct forging_client *client);

/* RFC 8446, 4.2.11.2: computed over a hello up to its binders. */
void forging_binder(const struct forging_session *session, const unsigned char *hello,
    size_t len, unsigned char *binder);
size_t forging_digest_len(uint16_t suite);

#endif
