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
 * exchange.c begins and ends an exchange and is told all events. exchange_up.c and
 * exchange_down.c take the request and the reply along and return what came of it; they
 * call nothing of exchange.c.
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
#include "proxy/session/backend.h"
#include "proxy/session/pace.h"
#include "proxy/session/request_id.h"

struct access_record;
struct client;
struct head;
struct parser;

enum exchange_up { UP_EXPECTED, UP_BODY, UP_DONE };
enum exchange_down { DOWN_SILENT, DOWN_HEARD, DOWN_GATHERED, DOWN_ANSWERING };

/* Which requests the backend's connection may serve afterwards; moves forward, too. */
enum exchange_reuse {
    REUSE_ANY,
    REUSE_BOUND, /* those of the same client: it carries that one's identity */
    REUSE_NONE,
};

/* Who must act next; decides the deadline. */
enum awaited { AWAITED_NOBODY, AWAITED_REQUEST, AWAITED_BACKEND, AWAITED_READER };

/* What the request's head said. */
struct request_facts {
    enum method_class method;
    unsigned minor; /* HTTP/1.minor */
    bool to_head; /* the method is HEAD */
    bool keep_alive; /* the client's connection may stay open */
    bool idempotent; /* and without a body: may be sent again over a fresh connection */
    bool authorized; /* it has Authorization */
    bool upgrade; /* it asks for a websocket, and may: a 101 may come */
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
    size_t max_head; /* that `replies` was made with */
    struct backend_want want;
    struct balancer_tried tried;
    unsigned retries; /* at other backends, after one that gave no answer */
    struct buffer
        request; /* for the backend: not yet connected, or kept to be sent again */
    struct framing to_backend, to_client;
    struct pace upload;
    struct access_record *record; /* owned; NULL: no access log, or handed on */
    struct request_id id;
    struct list link; /* in clients->exchanges while spare */
    uint64_t began; /* ms: when the request's head was complete */
    uint64_t asked; /* ms: when the backend's connection was acquired */
    uint64_t first_byte; /* ms: when the reply began to be written; 0: not yet */
    uint64_t received, sent; /* body bytes */
    unsigned status; /* of what the client got or will get, 0: nothing yet */
    const char *reply_fields; /* of an own reply, besides the usual ones; or NULL */
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
void exchange_update_reading(struct exchange *x); /* whether its client is read from */

/* What befalls the client meanwhile. */
void exchange_client_drained(struct exchange *x);
void exchange_client_ended(struct exchange *x); /* close_notify */
void exchange_client_gone(struct exchange *x, enum end_reason reason);
void exchange_expired(struct exchange *x);

/* The request is at fault: answered so, unless an answer is on its way. */
void exchange_refuse(
    struct exchange *x, enum end_reason reason, unsigned status, const char *text);

void exchange_free_unused(struct list *link);

/* ---- exchange_up.c ---- */

/* Reads facts, `up` and `reuse` off the request's head. */
void exchange_up_init(struct exchange *x, const struct head *head);

/* Writes the head and acquires a connection, whose `events` are told of x. False: there
 * is no address to connect to. */
bool exchange_up_begin(
    struct exchange *x, const struct head *head, const struct backend_events *events);

/* Sends what there is of the request. */
void exchange_up_send(struct exchange *x);

/* Once more over a fresh connection. False: the request may not be sent again. */
bool exchange_up_again(struct exchange *x, const struct backend_events *events);

/* A part of the body, and the request's end. Why the exchange fails; END_DONE: it does
 * not. */
enum end_reason exchange_up_body(struct exchange *x, const char *bytes, size_t len);
enum end_reason exchange_up_end(struct exchange *x);

/* ---- exchange_down.c ---- */

enum reply_result {
    REPLY_GOES_ON, /* more of it is to come */
    REPLY_WHOLE, /* the client's stream has all of it */
    REPLY_UPGRADED, /* the client's stream has a 101; what is behind it is no reply */
    REPLY_REFUSED, /* it is not valid; *detail says why */
};

void exchange_down_expect(struct exchange *x); /* before the first byte of a reply */

/* Advances *bytes and *len to what is behind the reply. */
enum reply_result exchange_down_data(
    struct exchange *x, const char **bytes, size_t *len, const char **detail);

/* The backend has ended. GOES_ON: the reply has not, so that it is cut. */
enum reply_result exchange_down_fin(struct exchange *x, const char **detail);

/* Another request may follow the reply, if nothing fails. */
bool exchange_client_may_stay(const struct exchange *x);

#endif
