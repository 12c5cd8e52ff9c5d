/*
 * forging_client.h - a TLS client that says anything, with the right keys.
 *
 * It sends whatever ClientHello it is given and takes part in the key schedule with it,
 * as it came: a Finished, a binder or a record that it makes is right for a session that
 * no decent client would have. Its own keys and random values are fixed.
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
#include "tests/fuzz/forging_records.h"

enum { FORGING_TICKET_MAX = 4096, FORGING_STORY_MAX = 512 };

/* What a ticket stands for, on the client's side. */
struct forging_session {
    bool valid, tls13;
    uint16_t suite;
    uint32_t age_add;
    unsigned char secret[DIGEST_MAX]; /* the PSK, or TLS 1.2's master secret */
    unsigned char ticket[FORGING_TICKET_MAX];
    size_t ticket_len;
};

/* Takes `len` bytes to the server under test; what it says is in client->from. */
typedef void forging_send(void *owner, const unsigned char *bytes, size_t len);

struct forging_client {
    forging_send *send;
    void *owner;
    struct buffer from; /* of the server, not read yet */
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
    struct buffer held; /* handshake bytes that leave with the next ones */
    bool holds;

    char story[FORGING_STORY_MAX]; /* what the server said, in short */
    size_t story_len;
};

/* NULL: no group of ours. The key that this client has in it. */
const struct key_exchange_key *forging_key(uint16_t group);
const struct key_exchange_group *forging_group(uint16_t group);

void forging_begin(struct forging_client *client, forging_send *send, void *owner);
void forging_end(struct forging_client *client);

/* A whole message with its header. Hears what comes back. */
void forging_hello(struct forging_client *client, unsigned char *hello, size_t len);
/* A record of that type, sealed if there are keys. */
void forging_say(
    struct forging_client *client, int type, const unsigned char *bytes, size_t len);
/* As it is, into the record layer below. */
void forging_say_raw(
    struct forging_client *client, const unsigned char *record, size_t len);

/* Messages as they ought to be, each with its header; 0: not to be made now. */
size_t forging_key_exchange(struct forging_client *client, unsigned char *message);
size_t forging_finished(const struct forging_client *client, unsigned char *message);
/* A handshake message that was said, right or wrong, is part of the transcript. */
void forging_say_message(
    struct forging_client *client, const unsigned char *message, size_t len);
/* The keys that follow: TLS 1.2's ChangeCipherSpec, TLS 1.3's Finished or KeyUpdate. */
void forging_change_keys(struct forging_client *client);
void forging_update_keys(struct forging_client *client);

void forging_listen(struct forging_client *client);

/* RFC 8446, 4.2.11.2: over a hello up to its binders. */
void forging_binder(const struct forging_session *session, const unsigned char *hello,
    size_t len, unsigned char *binder);
size_t forging_digest_len(uint16_t suite);

#endif
