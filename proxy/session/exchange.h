/*
 * exchange.h - one request and its response.
 *
 * Two parts that only move forward, request and response: HEAD -> BODY -> DONE. A failure
 * is one function: an answer of our own while nothing was sent to the client, else a cut.
 */
#ifndef WLBPROXY_SESSION_EXCHANGE_H
#define WLBPROXY_SESSION_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/base/list.h"
#include "proxy/http/chunked_encode.h"
#include "proxy/session/pace.h"
#include "proxy/session/request_id.h"

struct access_record;
struct backend;
struct backend_address;
struct backend_events;
struct client;
struct head;
struct parser;

enum part { PART_HEAD, PART_BODY, PART_DONE };

/* Who must act next; decides the deadline. */
enum awaited { AWAITED_NOBODY, AWAITED_REQUEST, AWAITED_BACKEND, AWAITED_READER };

struct exchange {
    struct client *client;
    void (*done)(struct client *c); /* see exchange_begin() */
    struct backend *backend; /* slot of backend.h */
    struct backend_address *address; /* of the backend, for the log; one reference */
    struct parser *replies;
    struct buffer request; /* for the backend: not yet connected, or kept for one retry */
    struct framing to_backend, to_client;
    struct pace upload;
    struct access_record *record; /* owned; NULL: no access log, or handed on */
    struct request_id id;
    struct list link; /* in clients->exchanges while spare */
    uint64_t asked; /* ms: when the backend's connection was acquired */
    uint64_t
        first_byte; /* ms: when the first byte of the reply was written; 0: not yet */
    uint64_t received, sent; /* body bytes */
    unsigned status; /* of what the client got or will get, 0: nothing yet */
    const char *reply_fields; /* of an own reply, besides the usual ones; or NULL */
    size_t max_head; /* that `replies` was made with */
    enum part request_part, response_part;
    enum awaited awaited;
    bool minor; /* the client's HTTP/1.minor */
    bool to_head; /* HEAD */
    bool keep_alive; /* may the client's connection stay open */
    bool closes; /* the head we sent said that it will not */
    bool reply_keeps; /* the backend's connection may serve another request */
    bool idempotent; /* and without a body: may be sent again over a fresh connection */
    bool authorized; /* the request has Authorization */
    bool reused; /* the backend's connection was an idle one */
    bool binds; /* that connection carries an identity: it serves no other client */
    bool heard; /* a byte of the reply came */
    bool upgrade; /* a 101 may come */
    bool expects; /* 100 Continue is still to be sent */
    bool answering; /* the response's head is on its way: no reply of our own any more */
    bool backend_full;
};

/* The head is complete. Afterwards the client may be in any state. When the reply is
 * delivered and the client may send another request, the exchange is gone and `done` is
 * called; any other end is the client's, too. */
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

/* The one way to fail. The exchange is gone afterwards. */
void exchange_fail(struct exchange *x, enum end_reason reason, const char *detail);

/* Between exchange.c, request.c and response.c. */
void exchange_forward(struct exchange *x, const struct head *head);
void exchange_send_request(struct exchange *x);
bool exchange_retry(struct exchange *x); /* false: it may not */
void exchange_rearm(struct exchange *x);
bool exchange_client_may_stay(const struct exchange *x); /* after the response */
void exchange_finish(struct exchange *x); /* the response is complete */
/* A 101 has been passed on; `bytes` came behind it. */
void exchange_upgraded(struct exchange *x, const char *bytes, size_t len);
extern const struct backend_events exchange_backend_events;

void exchange_free_unused(struct list *link);

#endif
