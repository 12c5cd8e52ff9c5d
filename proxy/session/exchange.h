/*
 * exchange.h - one request and its response.
 *
 * Its state is two enums that only move forward.
 *
 * up: the request's way from the client.
 *
 *     exchange_begin() ---> EXPECTED ---> BODY ---> DONE
 *
 *     EXPECTED: the client may wait for a 100 Continue, which it gets when the request is
 *     sent to the backend; left out where the client does not ask for one. BODY: the rest
 *     of the request is awaited. DONE: it is whole.
 *
 * down: the reply's way to the client.
 *
 *     exchange_begin() ---> SILENT ---> HEARD ---> GATHERED ---> ANSWERING
 *
 *     SILENT: no byte of a reply has come; the request may be sent again. HEARD: some
 *     have, but not all of the final head. GATHERED: that head is written anew, and has
 *     not left: the client can still get a reply of our own. ANSWERING: the reply is on
 *     its way; from now on a failure is a cut.
 *
 * exchange.c begins and ends an exchange and gets all events. exchange_up.c and
 * exchange_down.c forward the request and the reply and return the result; they call
 * nothing of exchange.c.
 */
#ifndef WLBPROXY_SESSION_EXCHANGE_H
#define WLBPROXY_SESSION_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/base/list.h"
#include "proxy/base/service_counts.h"
#include "proxy/http/chunked_encode.h"
#include "proxy/session/backend_acquire.h"
#include "proxy/session/pace.h"
#include "proxy/session/request_id.h"

struct access_record;
struct client;
struct head;
struct parser;

enum exchange_up { UP_EXPECTED, UP_BODY, UP_DONE };
enum exchange_down { DOWN_SILENT, DOWN_HEARD, DOWN_GATHERED, DOWN_ANSWERING };

/* The requests that the backend's connection may serve afterwards; moves forward, too. */
enum exchange_reuse {
    REUSE_ANY,
    REUSE_BOUND, /* those of the same client: the connection carries its identity */
    REUSE_NONE,
};

/* The party that must act next; it decides the deadline. */
enum awaited { AWAITED_NOBODY, AWAITED_REQUEST, AWAITED_BACKEND, AWAITED_READER };

/* The facts of the request's head. */
struct request_facts {
    enum method_class method;
    unsigned minor; /* HTTP/1.minor */
    bool to_head; /* the method is HEAD */
    bool keep_alive; /* the client's connection may stay open */
    bool idempotent; /* and without a body: it may be sent again over a new connection */
    bool authorized; /* it has Authorization */
    bool upgrade; /* it asks for a websocket, and may have one: a 101 may come */
};

struct exchange {
    struct client *client;
    void (*done)(struct client *c); /* see exchange_begin() */
    struct request_facts facts;
    enum exchange_up up;
    enum exchange_down down;
    enum exchange_reuse reuse;
    enum awaited awaited;
    struct backend *backend; /* slot of backend.h */
    struct backend_address *address; /* of the backend, for the log; one reference */
    struct parser *replies;
    size_t max_head; /* the limit that `replies` was made with */
    struct backend_search search;
    struct balancer_tried tried;
    unsigned retries; /* tries at other backends, after one that gave no answer */
    struct buffer request; /* for the backend: it is not yet connected, or the request may
                            * be sent again */
    struct framing to_backend, to_client;
    struct pace upload;
    struct access_record *record; /* owned; NULL: no access log, or passed on */
    struct request_id id;
    struct list link; /* in clients->exchanges while spare */
    uint64_t began; /* ms: when the request's head was complete */
    uint64_t asked; /* ms: when the backend's connection was acquired */
    uint64_t first_byte; /* ms: when the reply began to be written; 0: not yet */
    uint64_t received, sent; /* body bytes */
    enum end_reason refusal; /* our answer to the whole request; END_DONE: none */
    unsigned status; /* of the reply to the client; 0: none yet */
    const char *reply_fields; /* of our own reply, besides the usual ones; or NULL */
    bool reused; /* the backend's connection was an idle one */
    bool backend_full; /* it takes no more of the request for now */
    bool closes; /* the head we wrote says that the client's connection ends */
};

/* The head is complete. Afterwards the client may be in any state. When the reply is
 * delivered and the client may send another request, the exchange is gone and `done` is
 * called; at any other end the client's connection ends, too. */
void exchange_begin(
    struct client *c, const struct head *head, void (*done)(struct client *c));
void exchange_body(struct exchange *x, const char *bytes, size_t len);
void exchange_request_incomplete(struct exchange *x); /* no more of it has come so far */
void exchange_request_done(struct exchange *x);
bool exchange_wants_request(const struct exchange *x);
void exchange_update_reading(struct exchange *x); /* starts or stops reading from its
                                                   * client */

/* Events of the client meanwhile. */
void exchange_client_drained(struct exchange *x);
void exchange_client_ended(struct exchange *x); /* close_notify */
void exchange_client_gone(struct exchange *x, enum end_reason reason);
void exchange_expired(struct exchange *x);

/* The request is invalid: the client gets this answer, unless another one is on its
 * way. */
void exchange_refuse(
    struct exchange *x, enum end_reason reason, unsigned status, const char *text);

void exchange_free_unused(struct list *link);

/* ---- exchange_up.c ---- */

/* Sets facts, `up` and `reuse` from the request's head. */
void exchange_up_init(struct exchange *x, const struct head *head);

/* Writes the head and acquires a connection, whose `events` get x. False: there is no
 * address to connect to. */
bool exchange_up_begin(
    struct exchange *x, const struct head *head, const struct backend_events *events);

/* Sends the bytes of the request that are there. */
void exchange_up_send(struct exchange *x);

/* Sends it again over a new connection. False: the request may not be sent again. */
bool exchange_up_again(struct exchange *x, const struct backend_events *events);

/* A part of the body, and the request's end. Returns why the exchange fails; END_DONE: it
 * does not. */
enum end_reason exchange_up_body(struct exchange *x, const char *bytes, size_t len);
enum end_reason exchange_up_end(struct exchange *x);

/* ---- exchange_down.c ---- */

enum reply_result {
    REPLY_GOES_ON, /* more of it will come */
    REPLY_WHOLE, /* the client's stream has all of it */
    REPLY_UPGRADED, /* the client's stream has a 101; bytes behind it belong to the
                     * tunnel */
    REPLY_REFUSED, /* it is not valid; *detail says why */
};

void exchange_down_expect(struct exchange *x); /* call it before the first byte of a
                                                * reply */

/* Advances *bytes and *len behind the reply. */
enum reply_result exchange_down_data(
    struct exchange *x, const char **bytes, size_t *len, const char **detail);

/* The backend has ended. GOES_ON: the reply has not, so it is cut. */
enum reply_result exchange_down_fin(struct exchange *x, const char **detail);

/* Another request may follow the reply, if nothing fails. */
bool exchange_client_may_stay(const struct exchange *x);

#endif
