#include "proxy/master/successor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/context.h"
#include "proxy/base/log.h"
#include "proxy/ipc/handover.h"
#include "proxy/master/drained.h"
#include "proxy/master/notify.h"
#include "proxy/master/reload.h"

enum { INHERIT_TIMEOUT = 10 * 1000 /* between two messages */, ALIVE_EVERY = 250 };

/* ---- the inheritance ---- */

static void inherit_sockets(struct reload *reload, struct handover_message *message)
{
    for (size_t i = 0; i < message->fd_count; i++) {
        if (sockets_adopt(&reload->sockets, message->fds[i]))
            message->fds[i] = -1;
    }
}

static bool take_bytes(const struct handover_message *message, enum handover_field field,
    unsigned char *bytes, size_t size)
{
    size_t len;
    const unsigned char *sent = handover_get(message, field, &len);

    if (sent == NULL || len != size)
        return false;
    memcpy(bytes, sent, size);
    return true;
}

/* A key of a version that seals differently opens nothing for us: its sessions begin
 * anew. */
static void inherit_ticket_key(struct ticket_keys *keys, const struct handover_message *m)
{
    struct ticket_key key = {.ends = handover_get_number(m, HANDOVER_FIELD_KEY_ENDS)};

    if (keys->count < TICKET_KEYS_MAX && key.ends != 0 &&
        take_bytes(m, HANDOVER_FIELD_KEY_NAME, key.name, sizeof(key.name)) &&
        take_bytes(m, HANDOVER_FIELD_KEY_AES, key.aes, sizeof(key.aes)) &&
        take_bytes(m, HANDOVER_FIELD_KEY_HMAC, key.hmac, sizeof(key.hmac)) &&
        take_bytes(m, HANDOVER_FIELD_KEY_NATIVE, key.native, sizeof(key.native)))
        keys->keys[keys->count++] = key;
    explicit_bzero(&key, sizeof(key));
}

static void inherit_drained(struct drained *drained, const struct handover_message *m)
{
    struct drained_backend one;

    handover_get_text(m, HANDOVER_FIELD_SERVICE, one.service, sizeof(one.service));
    handover_get_text(m, HANDOVER_FIELD_ADDRESS, one.address, sizeof(one.address));
    drained_inherit(drained, one.service, one.address,
        (time_t)handover_get_number(m, HANDOVER_FIELD_SINCE));
}

static void inherit(struct successor *s)
{
    const struct successor_of *of = &s->of;
    struct handover_message message = {.type = 0};

    while (message.type != HANDOVER_READY &&
        handover_receive(s->channel, &message, INHERIT_TIMEOUT) == HANDOVER_MESSAGE) {
        if (message.type == HANDOVER_SOCKETS)
            inherit_sockets(of->reload, &message);
        else if (message.type == HANDOVER_TICKET_KEY)
            inherit_ticket_key(of->tickets, &message);
        else if (message.type == HANDOVER_DRAINED_BACKEND)
            inherit_drained(of->drained, &message);
        else if (message.type == HANDOVER_READY) {
            of->reload->last_id =
                (uint32_t)handover_get_number(&message, HANDOVER_FIELD_GENERATION);
            of->tickets->lifetime =
                (uint32_t)handover_get_number(&message, HANDOVER_FIELD_LIFETIME);
        }
        handover_close_fds(&message);
    }
    explicit_bzero(&message, sizeof(message));
}

/* ---- beside the predecessor, then in its place ---- */

static bool say(struct successor *s, enum handover_type type)
{
    struct handover_message m;

    handover_begin(&m, type);
    return handover_send(s->channel, &m);
}

static void on_closed(uv_handle_t *handle)
{
    close(((struct successor *)handle->data)->channel);
}

/* The end of the channel: the service manager knows us, or the predecessor has gone. */
static void take_place(struct successor *s)
{
    const enum successor_state before = s->state;

    s->state = SUCCESSOR_NOT;
    uv_timer_stop(&s->alive);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    notify_resume();
    if (before == SUCCESSOR_SERVES)
        log_warning("event=predecessor_ended text=\"before it gave its place to us\"");
    if (before == SUCCESSOR_SERVES)
        s->of.open_control(s->of.owner);
    if (before != SUCCESSOR_BEGINS)
        s->of.take_place(s->of.owner);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct successor *s = poll->data;
    struct handover_message m;
    enum handover_result result =
        status == 0 ? handover_receive(s->channel, &m, 0) : HANDOVER_CLOSED;

    (void)events;
    if (result == HANDOVER_CLOSED) {
        take_place(s);
    } else if (result == HANDOVER_MESSAGE) {
        handover_close_fds(&m);
        if (m.type != HANDOVER_YOURS || s->state != SUCCESSOR_SERVES)
            return;
        s->state = SUCCESSOR_TAKES;
        s->of.open_control(s->of.owner);
        (void)say(s, HANDOVER_TAKEN);
    }
}

/* It gets no more of these when one of our processes hangs. */
static void on_alive(uv_timer_t *timer)
{
    struct successor *s = timer->data;

    if (s->of.is_well(s->of.owner))
        (void)say(s, HANDOVER_ALIVE);
}

bool successor_serves(struct successor *s)
{
    struct handover_message m;

    if (s->state != SUCCESSOR_BEGINS)
        return false;
    s->state = SUCCESSOR_SERVES;
    handover_begin(&m, HANDOVER_SERVING);
    handover_put_number(&m, HANDOVER_FIELD_GENERATION, s->of.reload->last_id);
    (void)handover_send(s->channel, &m);
    uv_timer_start(&s->alive, on_alive, ALIVE_EVERY, ALIVE_EVERY);
    return true;
}

void successor_refuses(struct successor *s, const char *reason)
{
    struct handover_message m;

    if (s->state == SUCCESSOR_NOT)
        return;
    handover_begin(&m, HANDOVER_REFUSED);
    handover_put_text(&m, HANDOVER_FIELD_REASON, reason);
    (void)handover_send(s->channel, &m);
}

void successor_init(struct successor *s, const struct successor_of *of)
{
    struct handover_message hello;

    s->of = *of;
    uv_timer_init(of->reload->loop, &s->alive);
    s->alive.data = s->poll.data = s;
    if (getenv(SUCCESSOR_VARIABLE) == NULL)
        return;
    unsetenv(SUCCESSOR_VARIABLE);
    s->channel = SUCCESSOR_FD;
    (void)fcntl(s->channel, F_SETFD, FD_CLOEXEC);
    if (uv_poll_init(of->reload->loop, &s->poll, s->channel) != 0)
        return;
    s->state = SUCCESSOR_BEGINS;
    s->began_so = true;
    notify_pause();
    handover_begin(&hello, HANDOVER_HELLO);
    handover_put_number(&hello, HANDOVER_FIELD_VERSION, HANDOVER_VERSION);
    handover_put_text(&hello, HANDOVER_FIELD_PROGRAM, WLB_VERSION);
    if (handover_send(s->channel, &hello))
        inherit(s);
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
}
