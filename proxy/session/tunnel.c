#include "proxy/session/tunnel.h"

#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/session/access_record.h"
#include "proxy/session/backend_acquire.h"
#include "proxy/session/backend_health.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/ending.h"
#include "proxy/session/pace.h"

enum {
    EARLY_MAX = 64 * 1024, /* while the backend is not connected */
    LOOK_FIRST = 2, /* ms: looks whether the backend has all; each look waits twice as
                     * long */
    LOOK_MAX = 500,
};

/* The state of the source of one direction. */
enum flow { FLOW_OPEN, FLOW_ENDED, FLOW_CUT };

struct tunnel {
    struct client *client;
    struct backend *backend; /* slot of backend.h */
    struct access_record
        *record; /* owned: of the request that became this one, or NULL */
    struct access_outcome began; /* the counts before the tunnel */
    struct backend_address *address; /* of the backend, for the log; one reference */
    struct backend_search search;
    struct balancer_tried tried;
    struct buffer early;
    uint64_t heard; /* bytes from the client, when the backend ended */
    uint64_t stuck; /* ms in which the backend took nothing of the rest */
    uint64_t look; /* ms: until the next look; 0: not leaving */
    size_t rest; /* client's bytes still on their way, at the last look */
    enum flow up, down; /* from the client, from the backend */
    enum end_reason reason; /* of a tunnel that is leaving */
    bool client_lost; /* the client takes no more bytes */
    bool end_known; /* end_known() was called for the client, behind bytes that are not
                     * read yet */
    bool backend_full, watching;
};

static const struct backend_events events;

static const struct service_settings *settings_of(const struct tunnel *t)
{
    return t->client->service->settings;
}

static struct tunnel *make(struct client *c)
{
    struct tunnel *t = memory_new(sizeof(*t));

    t->client = c;
    client_enter(c, CLIENT_TUNNEL, c->service->settings->response_timeout);
    c->tunnel = t;
    return t;
}

/* Its line in the access log is written when the tunnel ends. */
static void close_record(struct tunnel *t, enum end_reason reason)
{
    struct access_outcome outcome = t->began;

    outcome.reason = reason;
    outcome.in = t->client->stream.bytes_in - outcome.in;
    outcome.out = t->client->stream.bytes_out - outcome.out;
    outcome.answered = loop_now(t->client->clients->loop);
    access_close(t->record, &outcome);
}

static void destroy(struct tunnel *t, enum end_reason reason)
{
    close_record(t, reason);
    backend_abort(&t->backend);
    backend_address_keep(&t->address, NULL);
    buffer_destroy(&t->early);
    t->client->tunnel = NULL;
    free(t);
}

static bool is_half_closed(const struct tunnel *t)
{
    return t->up != FLOW_OPEN || t->down != FLOW_OPEN || t->end_known;
}

static uint64_t silence_limit(const struct tunnel *t)
{
    return is_half_closed(t) ? settings_of(t)->half_closed_timeout
                             : settings_of(t)->response_timeout;
}

/* Each byte restarts the deadline for silence. tunnel_expired() judges a client that is
 * behind, and a tunnel that is leaving. */
static void rearm(struct tunnel *t)
{
    struct client *c = t->client;

    if (t->look > 0 || (c->full && t->watching))
        return;
    t->watching = c->full;
    if (c->full)
        client_watch(c);
    client_arm(c, c->full ? settings_of(t)->body_timeout : silence_limit(t));
}

static void update_reading(struct tunnel *t)
{
    client_read_if(t->client, !t->backend_full);
}

/* The backend is lost, refuses or is silent: both sides see a cut. */
static void cut(struct tunnel *t, enum end_reason reason)
{
    struct client *c = t->client;
    bool lost = t->client_lost;

    backend_reset(&t->backend);
    destroy(t, reason);
    if (lost)
        client_close(c, reason);
    else
        client_cut(c, reason);
}

/* Both have ended: bytes that are still on their way are delivered first. */
static void finish_if_done(struct tunnel *t)
{
    struct client *c = t->client;

    if (t->up != FLOW_ENDED || t->down != FLOW_ENDED || t->client_lost ||
        stream_unsent(&t->backend->stream) > 0)
        return;
    destroy(t, END_DONE);
    client_end(c, END_DONE);
}

/* ---- leaving: the client has gone, and the backend has not got all of it yet ---- */

static size_t rest_of(const struct tunnel *t)
{
    if (t->backend == NULL)
        return 0;
    return buffer_len(&t->early) + stream_undelivered(&t->backend->stream);
}

/* The backend's kernel has all: now it may see the end. Of a clean end a FIN has told it,
 * so a close is enough. */
static void leave_now(struct tunnel *t)
{
    struct client *c = t->client;
    enum end_reason reason = t->reason;
    bool lost = t->client_lost, down_ended = t->down == FLOW_ENDED;

    if (t->up == FLOW_CUT)
        backend_reset(&t->backend);
    destroy(t, reason);
    if (lost)
        client_close(c, reason);
    else if (down_ended)
        client_end(c, reason);
    else
        client_cut(c, reason);
}

/* A reset overtakes bytes that are still in our kernel, and so may a close; no event
 * tells when the other side has acknowledged all. */
static void look_whether_delivered(struct tunnel *t)
{
    size_t rest = rest_of(t);

    if (rest == 0) {
        leave_now(t);
        return;
    }
    t->stuck = rest < t->rest ? 0 : t->stuck + t->look;
    t->rest = rest;
    if (t->stuck >= settings_of(t)->half_closed_timeout) {
        cut(t, t->reason);
        return;
    }
    t->look = t->look < LOOK_MAX / 2 ? 2 * t->look : LOOK_MAX;
    client_arm(t->client, t->look);
}

static void leave(struct tunnel *t, enum end_reason reason)
{
    if (t->backend != NULL)
        backend_await_reply(t->backend, false);
    if (t->look == 0)
        t->reason = reason;
    t->look = LOOK_FIRST;
    t->stuck = 0;
    t->rest = SIZE_MAX;
    client_arm(t->client, t->look);
}

void tunnel_begin(struct client *c)
{
    struct tunnel *t = make(c);

    backend_address_keep(&t->address, backend_only(c->service));
    t->search = (struct backend_search){
        .client = c, .source = client_source(c), .tried = &t->tried, .fresh = true};
    if (!backend_acquire(&t->search, &events, t, &t->backend))
        cut(t, END_BACKEND_NONE);
}

void tunnel_take_over(
    struct client *c, const struct tunnel_start *start, const char *bytes, size_t len)
{
    struct tunnel *t = make(c);

    backend_attach(start->backend, &events, t, &t->backend);
    backend_address_keep(&t->address, start->backend->address);
    t->record = start->record;
    t->began = start->began;
    if (buffer_len(&c->unparsed) > 0)
        tunnel_client_data(t, buffer_data(&c->unparsed), buffer_len(&c->unparsed));
    buffer_destroy(&c->unparsed);
    if (len > 0)
        events.data(t, bytes, len);
    if (c->peer != CLIENT_TALKS)
        tunnel_client_ended(t);
    else
        update_reading(t);
}

void tunnel_client_data(struct tunnel *t, const char *bytes, size_t len)
{
    if (backend_is_ready(t->backend)) {
        if (!backend_write(t->backend, bytes, len))
            t->backend_full = true;
    } else {
        buffer_append(&t->early, bytes, len);
        t->backend_full = buffer_len(&t->early) > EARLY_MAX;
    }
    rearm(t);
    update_reading(t);
}

void tunnel_client_drained(struct tunnel *t)
{
    rearm(t);
    stream_resume(&t->backend->stream);
}

void tunnel_client_ended(struct tunnel *t)
{
    t->up = FLOW_ENDED;
    if (!backend_is_ready(t->backend)) {
        rearm(t);
        return;
    }
    backend_await_reply(t->backend, false);
    backend_end(t->backend);
    rearm(t);
    finish_if_done(t);
}

/* A client that sends nothing after the backend's end had nothing more to send. */
static enum end_reason reason_of_cut(const struct tunnel *t, enum end_reason reason)
{
    bool was_talking = t->client->stream.bytes_in > t->heard;

    return t->down == FLOW_ENDED && !was_talking ? END_DONE : reason;
}

void tunnel_client_cut(struct tunnel *t, const char *detail)
{
    t->up = FLOW_CUT;
    t->client->detail = detail;
    leave(t, reason_of_cut(t, END_CLIENT_GONE));
}

/* Nobody reads the backend's bytes: it must not wait for a reader before it reads. */
static void stop_waiting_for_client(struct tunnel *t)
{
    t->client->full = false;
    if (t->backend != NULL)
        stream_resume(&t->backend->stream);
}

void tunnel_client_end_known(struct tunnel *t)
{
    t->end_known = true;
    if (stream_error(&t->client->stream) != 0)
        stop_waiting_for_client(t);
    rearm(t);
}

void tunnel_client_lost(struct tunnel *t, enum end_reason reason)
{
    bool clean = t->up == FLOW_ENDED;

    t->client_lost = true;
    if (!clean)
        t->up = FLOW_CUT;
    stop_waiting_for_client(t);
    leave(t, clean && t->down == FLOW_ENDED ? END_DONE : reason_of_cut(t, reason));
}

void tunnel_client_gone(struct tunnel *t, enum end_reason reason)
{
    struct client *c = t->client;

    backend_reset(&t->backend);
    destroy(t, reason);
    client_close(c, reason);
}

void tunnel_expired(struct tunnel *t)
{
    struct client *c = t->client;
    size_t taken;

    if (t->look > 0)
        look_whether_delivered(t);
    else if (!c->full)
        cut(t, END_SILENT);
    else if (!client_took_some(c, &taken))
        tunnel_client_gone(t, END_READ_TIMEOUT);
    else if (pace_is_too_slow(
                 taken, settings_of(t)->body_timeout, settings_of(t)->min_rate))
        tunnel_client_gone(t, END_TOO_SLOW);
    else
        client_arm(c, settings_of(t)->body_timeout);
}

static void on_ready(void *user)
{
    struct tunnel *t = user;

    backend_address_keep(&t->address, t->backend->address);
    backend_await_reply(t->backend, t->up == FLOW_OPEN);
    t->backend_full = false;
    if (buffer_len(&t->early) > 0)
        t->backend_full =
            !backend_write(t->backend, buffer_data(&t->early), buffer_len(&t->early));
    buffer_destroy(&t->early);
    if (t->up == FLOW_ENDED)
        backend_end(t->backend);
    rearm(t);
    update_reading(t);
}

static void on_data(void *user, const char *bytes, size_t len)
{
    struct tunnel *t = user;

    backend_has_replied(t->backend);
    client_write(t->client, bytes, len);
    if (t->client->full)
        stream_pause(&t->backend->stream);
    rearm(t);
}

static void on_drained(void *user)
{
    struct tunnel *t = user;

    t->backend_full = false;
    rearm(t);
    if (t->up == FLOW_ENDED && t->down == FLOW_ENDED)
        finish_if_done(t);
    else
        update_reading(t);
}

static void on_ended(void *user)
{
    struct tunnel *t = user;

    t->down = FLOW_ENDED;
    t->heard = t->client->stream.bytes_in;
    stream_end(&t->client->stream);
    rearm(t);
    finish_if_done(t);
}

static void on_failed(void *user, enum end_reason reason, const char *detail)
{
    struct tunnel *t = user;

    client_log_backend_failure(
        t->client, backend_address_text(t->address), reason, "cut", detail);
    cut(t, reason);
}

static const struct backend_events events = {
    .ready = on_ready,
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .failed = on_failed,
};
