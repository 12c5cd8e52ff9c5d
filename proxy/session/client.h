/*
 * client.h - struct client: one client connection from accept to its last byte, where it
 * is in its life, and what every part of that life does with it.
 *
 * Inside session/ only; clients.h is what the worker sees. client_events.h says what
 * happens in each state.
 */
#ifndef WLBPROXY_SESSION_CLIENT_H
#define WLBPROXY_SESSION_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/net/deadline.h"
#include "proxy/net/stream.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"

struct backend;
struct exchange;
struct parser;
struct source;
struct tunnel;

/* Where a client connection is in its life, named after what is awaited:
 *
 *     HANDSHAKE ---> AWAIT_HEAD <---> EXCHANGE
 *       |   |            |             |    |
 *       |   |            |             |    '--(101)--> TUNNEL <--(tcp)-- HANDSHAKE
 *       |   |            v             v                  |
 *       |   '--------> LINGER <--------+------------------'
 *       |                |
 *       '--------------> CLOSED <---- from any state: nothing more can be delivered
 *
 * enum client_state is in counters.h, which has a gauge for each of them.
 */

/* How far the client has ended. */
enum client_end { CLIENT_TALKS, CLIENT_SAID_CLOSE, CLIENT_SENT_FIN };

struct client {
    struct stream stream;
    struct clients *clients;
    struct generation *generation; /* one reference */
    struct service *service;
    struct service *accepted_by; /* before a name was known: the listener's */
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

/* The one place that changes the state; `limit` (ms) is how long it may last. */
void client_enter(struct client *c, enum client_state next, uint64_t limit);
void client_enter_closed(struct client *c); /* the last one, without a limit */
void client_arm(struct client *c, uint64_t limit); /* anew, in the same state */

/* Its handshake is none of those in progress any more. Idempotent. */
void client_leave_handshakes(struct client *c);

void client_write(struct client *c, const char *bytes, size_t len);

/* Did the peer take anything since the last look (or since client_watch())? */
void client_watch(struct client *c);
bool client_took_some(struct client *c, size_t *taken);

/* Whether it is read from; follows from the state alone. */
void client_read_if(struct client *c, bool wanted);
/* So much waits unparsed that it should not be. */
bool client_is_far_ahead(const struct client *c);

/* Equal for equal addresses, see balancer_choose(). */
uint64_t client_source(const struct client *c);

/* "192.0.2.7" or "2001:db8::1"; stays until the next call. */
const char *client_ip(const struct client *c);

enum { CLIENT_PEER_MAX = 64 };

/* "192.0.2.7:51234", "[2001:db8::1]:51234"; into `text`, and returned. */
const char *client_peer(const struct client *c, char *text);

#endif
