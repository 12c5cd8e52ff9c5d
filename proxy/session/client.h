/*
 * client.h - struct client: one client connection from accept to its last byte, its
 * state, and the functions that every part of its life uses.
 *
 * Inside session/ only; the worker uses clients.h. client_events.h has the events of each
 * state.
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

/* The states of a client connection, named after what is awaited:
 *
 *     HANDSHAKE ---> AWAIT_HEAD <---> EXCHANGE
 *       |   |            |             |    |
 *       |   |            |             |    '--(101)--> TUNNEL <--(tcp)-- HANDSHAKE
 *       |   |            v             v                  |
 *       |   '--------> LINGER <--------+------------------'
 *       |                |
 *       '--------------> CLOSED <---- from any state: nothing more can be delivered
 *
 * enum client_state is in counters.h, which has a gauge for each of them. */

/* The stage of the client's end. */
enum client_end { CLIENT_TALKS, CLIENT_SAID_CLOSE, CLIENT_SENT_FIN };

struct client {
    struct stream stream;
    struct clients *clients;
    struct generation *generation; /* one reference */
    struct service *service;
    struct service *accepted_by; /* the listener's, before the name chose one */
    struct source *source; /* of admission.h; NULL: not tracked */
    struct parser *parser; /* of requests; NULL while idle */
    union {
        struct exchange *exchange; /* EXCHANGE: owned */
        struct tunnel *tunnel; /* TUNNEL: owned */
    };
    struct backend *bound; /* slot of backend.h: an idle connection that carries this
                            * client's identity */
    struct buffer unparsed; /* bytes of further requests */
    struct list link, handshaking;
    struct list access; /* access_record.h: records that are closed and not yet written */
    struct list access_waiting; /* in clients->access_waiting while it has such */
    struct list idle; /* in clients->idle_clients while it awaits a request */
    struct deadline deadline;
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    uint64_t accepted; /* ms */
    size_t pending; /* bytes the peer did not have yet, at the last look */
    size_t batch; /* bytes of `unparsed` when the counting of `ahead` began */
    const char *detail; /* the failure or refusal, for the log; borrowed */
    uint32_t id, requests;
    uint32_t discarded, stalled; /* LINGER: bytes; ms in which the peer took none */
    uint32_t discarded_before; /* at the last look */
    uint32_t ahead; /* requests taken from the batch */
    uint16_t port;
    uint8_t state, reason;
    uint8_t peer; /* enum client_end */
    uint8_t ended_in; /* its state when the end began, for the log */
    bool in_head; /* the head deadline runs */
    bool parsing; /* its bytes are being parsed: `unparsed` must not change */
    bool makes_room; /* LINGER: it was ended to make room, and is counted in
                      * clients->leaving */
    bool full; /* it does not read as fast as we write */
};

/* Only this function changes the state; `limit` (ms) is how long it may last. */
void client_enter(struct client *c, enum client_state next, uint64_t limit);
void client_enter_closed(struct client *c); /* the last one, without a limit */
void client_arm(struct client *c, uint64_t limit); /* sets a new limit in the same
                                                    * state */

/* Its handshake is no longer one of those in progress. Idempotent. */
void client_leave_handshakes(struct client *c);

void client_write(struct client *c, const char *bytes, size_t len);

/* Returns whether the peer took anything since the last look (or since
 * client_watch()). */
void client_watch(struct client *c);
bool client_took_some(struct client *c, size_t *taken);

/* Starts or stops reading; the state alone decides. */
void client_read_if(struct client *c, bool wanted);
/* So much waits unparsed that no more should be read. */
bool client_is_far_ahead(const struct client *c);

/* Equal for equal addresses, see balancer_choose(). */
uint64_t client_source(const struct client *c);

/* "192.0.2.7" or "2001:db8::1"; valid until the next call. */
const char *client_ip(const struct client *c);

enum { CLIENT_PEER_MAX = 64 };

/* "192.0.2.7:51234", "[2001:db8::1]:51234"; writes into `text`, and returns it. */
const char *client_peer(const struct client *c, char *text);

#endif
