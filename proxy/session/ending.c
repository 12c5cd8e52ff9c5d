#include "proxy/session/ending.h"

#include <time.h>

#include "proxy/http/error_reply.h"
#include "proxy/session/access_record.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/pace.h"

/* Bytes discarded after the last reply. linger_timeout ends a peer that sends as fast as
 * it can, unless it also reads slowly. */
enum { LINGER_MAX = 256 * 1024 * 1024 };

enum { MAKE_ROOM_LINGER = 200 /* ms */ };

static const struct service_settings *settings_of(const struct client *c)
{
    return c->service->settings;
}

/* After a plain close the kernel would offer megabytes for minutes to a peer that never
 * reads, and the peer would not notice the end. */
static void reset_if_undelivered(struct client *c)
{
    if (stream_undelivered(&c->stream) > 0)
        stream_reset(&c->stream);
}

static bool is_given_up(const struct client *c)
{
    return c->reason == END_READ_TIMEOUT || c->reason == END_TOO_SLOW ||
        c->reason == END_DRAINED;
}

void client_close(struct client *c, enum end_reason reason)
{
    if (c->state == CLIENT_CLOSED)
        return;
    if (c->state != CLIENT_LINGER)
        c->ended_in = c->state;
    c->reason = (uint8_t)reason;
    client_leave_handshakes(c);
    c->clients->counters.ends[reason]++;
    if (c->ended_in == CLIENT_HANDSHAKE)
        client_log_handshake(c);
    else
        client_log_end(c);
    client_enter_closed(c);
    access_settle(c, reason);
    backend_abort(&c->bound);
    if (is_given_up(c))
        reset_if_undelivered(c);
    stream_close(&c->stream);
}

void ending_drained(struct client *c)
{
    if (c->peer != CLIENT_TALKS && stream_unsent(&c->stream) == 0)
        client_close(c, (enum end_reason)c->reason);
}

/* The last answer is written. Reads and discards until the peer ends, too: unread data
 * would make the kernel reset the answer. */
static void linger(struct client *c, enum end_reason reason)
{
    c->reason = (uint8_t)reason;
    c->ended_in = c->state;
    c->stalled = 0;
    client_enter(c, CLIENT_LINGER, settings_of(c)->linger_timeout);
    backend_abort(&c->bound);
    c->pending = SIZE_MAX;
    stream_resume(&c->stream);
    ending_drained(c);
}

void client_end(struct client *c, enum end_reason reason)
{
    stream_end(&c->stream);
    linger(c, reason);
}

void client_cut(struct client *c, enum end_reason reason)
{
    stream_cut(&c->stream);
    linger(c, reason);
}

/* Its close_notify and FIN are on their way. A peer that does not answer at once gets
 * less time than others. */
void client_make_room(struct client *c)
{
    c->makes_room = true;
    c->clients->leaving++;
    client_end(c, END_MADE_ROOM);
    if (c->state == CLIENT_LINGER)
        client_arm(c, MAKE_ROOM_LINGER);
}

/* For a refused head only the reason is recorded. */
static void record_refused_head(
    struct client *c, enum end_reason reason, unsigned status, size_t out)
{
    const struct access_outcome outcome = {
        .reason = reason,
        .status = status,
        .out = out,
        .first_byte = loop_now(c->clients->loop),
    };

    service_counts_add(
        &c->clients->services, c->service->settings->name, METHOD_OTHER, status);
    access_close(access_open(c, NULL, ""), &outcome);
}

static void write_reply(struct client *c, unsigned status, const char *text,
    const char *fields, bool to_head, bool keep_alive)
{
    struct buffer *reply = &c->clients->scratch;

    buffer_clear(reply);
    error_reply_write(reply, status, text, fields, time(NULL), to_head, keep_alive);
    client_write(c, buffer_data(reply), buffer_len(reply));
    buffer_clear(reply);
    c->clients->counters.error_replies++;
}

void client_answer(
    struct client *c, unsigned status, const char *text, const char *fields, bool to_head)
{
    write_reply(c, status, text, fields, to_head, true);
}

void client_refuse(struct client *c, enum end_reason reason, unsigned status,
    const char *text, const char *fields, bool to_head)
{
    if (c->state == CLIENT_AWAIT_HEAD)
        record_refused_head(c, reason, status, reply_body_length(text, to_head));
    write_reply(c, status, text, fields, to_head, false);
    client_end(c, reason);
}

void ending_data(struct client *c, size_t len)
{
    c->discarded += (uint32_t)len;
    if (c->discarded > LINGER_MAX)
        client_close(c, (enum end_reason)c->reason);
}

/* If the FIN had not left, the client did not get all bytes, and the failure is the
 * reason of the end. */
void ending_failed(struct client *c, enum end_reason reason)
{
    bool lost = c->reason == END_DONE && !stream_has_sent_fin(&c->stream);

    client_close(c, lost ? reason : (enum end_reason)c->reason);
}

/* Since the last look. A cut in the middle might lose our answer. */
static bool still_sends(struct client *c)
{
    const struct service_settings *settings = settings_of(c);
    uint32_t some = c->discarded - c->discarded_before;

    c->discarded_before = c->discarded;
    return some > 0 &&
        !pace_is_too_slow(some, settings->linger_timeout, settings->min_rate);
}

/* A peer that has all bytes gets no more time. One that still reads does, while it keeps
 * min_rate, and for a while one that sends at that rate. */
void ending_expired(struct client *c)
{
    const struct service_settings *settings = settings_of(c);
    size_t taken;

    if (c->makes_room) {
        client_close(c, END_MADE_ROOM);
        return;
    }
    (void)client_took_some(c, &taken);
    c->stalled = (uint32_t)pace_stalled(
        c->stalled, settings->linger_timeout, taken, settings->min_rate);
    if ((still_sends(c) || c->pending > 0) && c->stalled <= settings->body_timeout) {
        client_arm(c, settings->linger_timeout);
        return;
    }
    reset_if_undelivered(c);
    if (c->reason == END_DONE)
        client_close(c, c->pending > 0 ? END_READ_TIMEOUT : END_LINGER_TIMEOUT);
    else
        client_close(c, (enum end_reason)c->reason);
}
