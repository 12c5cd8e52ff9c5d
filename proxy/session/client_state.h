/*
 * client_state.h - struct client, and what exchange and tunnel may do to it.
 *
 * Inside session/ only; client.h is what process/ sees.
 */
#ifndef WLBPROXY_SESSION_CLIENT_STATE_H
#define WLBPROXY_SESSION_CLIENT_STATE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/net/deadline.h"
#include "proxy/net/stream.h"
#include "proxy/session/clients.h"
#include "proxy/session/generation.h"

struct backend;
struct exchange;
struct parser;
struct source;
struct tunnel;

/* Where a client connection is in its life, named after what is awaited. */
#define CLIENT_STATES(X)                                                                 \
    X(HANDSHAKE, "handshake")                                                            \
    X(AWAIT_HEAD, "await_head")                                                          \
    X(EXCHANGE, "exchange")                                                              \
    X(TUNNEL, "tunnel")                                                                  \
    X(LINGER, "linger")                                                                  \
    X(CLOSED, "closed")

enum client_state {
#define X(name, text) CLIENT_##name,
    CLIENT_STATES(X)
#undef X
};

/* How far the client has ended. */
enum client_end { CLIENT_TALKS, CLIENT_SAID_CLOSE, CLIENT_SENT_FIN };

struct client {
    struct stream stream;
    struct clients *clients;
    struct generation *generation; /* one reference */
    struct service *service;
    struct source *source; /* of admission.h; NULL: not tracked */
    struct parser *parser; /* of requests; NULL while idle */
    union {
        struct exchange *exchange; /* EXCHANGE: owned */
        struct tunnel *tunnel; /* TUNNEL: owned */
    };
    struct backend *bound; /* slot of backend.h: carries this client's identity; idle */
    struct buffer unparsed; /* what came ahead of its turn */
    struct list link, handshaking;
    struct list access; /* access_record.h: records that are closed, not yet written */
    struct list idle; /* in clients->idle_clients while it awaits a request */
    struct deadline deadline;
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    uint64_t accepted; /* ms */
    size_t pending; /* not yet with the peer, at the last look */
    size_t batch; /* of `unparsed`, as long as it was when counting began */
    const char *detail; /* of what failed or was refused, for the log; borrowed */
    uint32_t id, requests;
    uint32_t discarded, stalled; /* LINGER: bytes; ms without the peer taking any */
    uint32_t discarded_before; /* the last look */
    uint32_t ahead; /* requests taken from the batch */
    uint16_t port;
    uint8_t state, reason;
    uint8_t peer; /* enum client_end */
    uint8_t ended_in; /* state when its end began, for the log */
    bool in_head; /* the head deadline runs */
    bool makes_room; /* LINGER: ended for a new one, counted in clients->leaving */
    bool full; /* it does not read as fast as we write */
};

/* The one place that changes the state; arms that state's deadline. */
void client_enter(struct client *c, enum client_state next);
void client_arm(struct client *c, uint64_t deadline_ms);

void client_write(struct client *c, const char *bytes, size_t len);

/* Did the peer take anything since the last look (or since client_watch())? */
void client_watch(struct client *c);
bool client_took_some(struct client *c, size_t *taken);

/* Reading follows from the state alone; call it last. */
void client_update_reading(struct client *c);

/* For clients.c. */
struct client *client_new(struct clients *clients, struct service *service,
    const struct sockaddr_storage *peer, struct source *source);
void client_start(struct client *c, int fd);
/* Moves to a service of another generation, if no byte has come yet. */
void client_adopt(struct client *c, struct service *service);
void client_end_now(struct client *c);

/* "192.0.2.7" or "2001:db8::1"; stays until the next call. */
const char *client_ip(const struct client *c);

#endif
