#include "proxy/master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/master_state.h"
#include "proxy/master/notify.h"
#include "proxy/master/spawn.h"

#define HANDOVER_VARIABLE "WLBPROXY_HANDOVER"

enum { HANDOVER_FD = 3, ADDRESS_BYTES = 512, SUCCESSOR_TIMEOUT = 60000, ROOM_WAITS = 50 };

/* ---- as predecessor ---- */

static void on_closed(uv_handle_t *handle)
{
    struct upgrade *u = handle->data;

    close(u->channel);
    u->channel = -1;
    u->running = false;
}

static void end(struct upgrade *u)
{
    if (!uv_is_closing((uv_handle_t *)&u->poll))
        uv_close((uv_handle_t *)&u->poll, on_closed);
}

static void hand_over(struct upgrade *u)
{
    uv_timer_stop(&u->successor_timer);
    log_info("event=upgraded successor=%d", u->pid);
    u->taken_over = true;
    notify_send("MAINPID=%d", u->pid);
    if (master_drain(u->master, true))
        upgrade_pass_on(u, SIGHUP);
}

static void give_up(struct upgrade *u)
{
    end(u);
    reload_let_go(&u->master->reload);
}

void upgrade_look_for_ended(struct upgrade *u)
{
    struct spawn_end ended;

    if (u->pid == 0 || !spawn_has_ended(u->pid, &ended))
        return;
    u->pid = 0;
    uv_timer_stop(&u->successor_timer);
    if (u->taken_over) {
        log_error("event=successor_died status=%d signal=%d", ended.status, ended.signal);
        end(u);
        return;
    }
    if (!u->master->stopping) {
        log_error(
            "event=upgrade_failed status=%d signal=%d text=\"this process goes on\"",
            ended.status, ended.signal);
        notify_ready("Upgrade failed, the old process goes on");
    }
    give_up(u);
}

void upgrade_abandon(struct upgrade *u)
{
    if (u->pid <= 0 || u->taken_over)
        return;
    log_info("event=upgrade_abandoned successor=%d", u->pid);
    kill(u->pid, SIGTERM);
}

bool upgrade_pass_on(const struct upgrade *u, int number)
{
    return u->taken_over && u->pid > 0 && kill(u->pid, number) == 0;
}

static void on_successor_timeout(uv_timer_t *timer)
{
    struct upgrade *u = timer->data;

    log_error("event=successor_killed successor=%d reason=\"does not serve\"", u->pid);
    if (u->pid > 0)
        kill(u->pid, SIGKILL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct upgrade *u = poll->data;
    struct message m = {.fd_count = 0};
    enum channel_result result =
        status == 0 ? channel_receive(u->channel, &m, buffer) : CHANNEL_CLOSED;

    (void)events;
    if (result == CHANNEL_MESSAGE && m.type == MESSAGE_TAKEN_OVER && !u->taken_over)
        hand_over(u);
    if (result != CHANNEL_AGAIN)
        uv_poll_stop(poll);
    message_close_fds(&m);
}

/* A channel does not hold that many sockets: until the successor takes some. */
static bool send_until_timeout(int channel, const struct message *m)
{
    bool sent = channel_send(channel, m);

    for (int i = 1; i < ROOM_WAITS && !sent && errno == EAGAIN; i++)
        sent = channel_send(channel, m);
    return sent;
}

static bool send_group(int channel, const struct socket_group *group)
{
    char body[ADDRESS_BYTES];
    struct wire_writer w = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_INHERIT, .body = body};

    wire_put_bytes(&w, &group->address, sizeof(group->address));
    m.len = w.len;
    for (size_t i = 0; i < group->count; i++) {
        m.fds[m.fd_count++] = group->fds[i];
        if (m.fd_count < CHANNEL_FDS && i + 1 < group->count)
            continue;
        if (!send_until_timeout(channel, &m))
            return false;
        m.fd_count = 0;
    }
    return true;
}

static bool send_inheritance(const struct master *m, int channel)
{
    struct message tickets = {.type = MESSAGE_TICKETS,
        .body = (const char *)&m->tickets,
        .len = sizeof(m->tickets)};
    struct message all = {.type = MESSAGE_INHERITED_ALL, .id = m->reload.last_id};

    for (size_t i = 0; i < m->reload.sockets.count; i++) {
        if (!send_group(channel, &m->reload.sockets.groups[i]))
            return false;
    }
    return send_until_timeout(channel, &tickets) && send_until_timeout(channel, &all);
}

static int start_successor(struct upgrade *u, int their_end)
{
    const struct master *m = u->master;
    char *with_config[] = {
        (char *)"wlbproxy", (char *)"run", (char *)"-c", (char *)m->config_path, NULL};
    char *without[] = {(char *)"wlbproxy", (char *)"run", NULL};
    struct spawn spawn = {.program = m->program.path,
        .arguments = m->config_given ? with_config : without,
        .keeps_capabilities = true,
        .fds = {SPAWN_NULL, STDOUT_FILENO, STDERR_FILENO, [HANDOVER_FD] = their_end}};
    int result;

    setenv(HANDOVER_VARIABLE, "3", 1);
    spawn.environment = environ;
    result = spawn_process(&spawn, &u->pid);
    unsetenv(HANDOVER_VARIABLE);
    return result;
}

/* The end of process 1 is the end of its container, and of all that runs in it. */
static bool is_possible(const struct upgrade *u)
{
    if (u->running)
        log_warning("event=upgrade_running successor=%d", u->pid);
    else if (getpid() == 1)
        log_error("event=upgrade_refused reason=\"process 1 of a container cannot be "
                  "replaced: its end ends the container\" text=\"start it under an init, "
                  "or start another container\"");
    else
        return true;
    return false;
}

void upgrade_begin(struct upgrade *u)
{
    int theirs, result;

    if (!is_possible(u))
        return;
    if (!channel_pair(&u->channel, &theirs)) {
        log_error("event=upgrade_failed reason=\"channel: %s\"", strerror(errno));
        return;
    }
    result = uv_poll_init(&u->master->loop, &u->poll, u->channel);
    if (result != 0) {
        log_error("event=upgrade_failed reason=\"channel: %s\"", uv_strerror(result));
        close(u->channel);
        close(theirs);
        return;
    }
    u->running = true;
    u->poll.data = u;
    result = start_successor(u, theirs);
    close(theirs);
    if (result != 0 || !send_inheritance(u->master, u->channel)) {
        log_error("event=upgrade_failed program=%s reason=\"%s\"",
            u->master->program.path, strerror(result != 0 ? result : errno));
        if (result == 0)
            kill(u->pid, SIGKILL);
        else
            end(u);
        return;
    }
    reload_hold(&u->master->reload);
    log_info("event=upgrading successor=%d program=%s", u->pid, u->master->program.path);
    uv_poll_start(&u->poll, UV_READABLE, on_readable);
    uv_timer_start(&u->successor_timer, on_successor_timeout, SUCCESSOR_TIMEOUT, 0);
}

/* ---- as successor ---- */

static void inherit_sockets(struct master *m, struct message *message)
{
    struct wire_reader r = {.left = {(const void *)message->body, message->len}};
    struct endpoint address;
    size_t len;
    const char *bytes = wire_get_bytes(&r, &len);

    if (len != sizeof(address))
        return; /* of another version: its sockets are opened anew */
    memcpy(&address, bytes, len);
    for (size_t i = 0; i < message->fd_count; i++) {
        if (sockets_adopt(&m->reload.sockets, message->fds[i]))
            message->fds[i] = -1;
    }
}

static void take_inheritance(struct master *m, struct message *message)
{
    if (message->type == MESSAGE_INHERITED_ALL)
        m->reload.last_id = message->id;
    else if (message->type == MESSAGE_INHERIT)
        inherit_sockets(m, message);
    else if (message->type == MESSAGE_TICKETS && message->len == sizeof(m->tickets))
        memcpy(&m->tickets, message->body, message->len);
    message_close_fds(message);
}

static void inherit(struct upgrade *u)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct message message = {.type = MESSAGE_LAST};

    while (message.type != MESSAGE_INHERITED_ALL &&
        channel_receive(u->predecessor, &message, buffer) == CHANNEL_MESSAGE)
        take_inheritance(u->master, &message);
    explicit_bzero(buffer, sizeof(buffer)); /* ticket keys */
}

void upgrade_init(struct upgrade *u, struct master *master)
{
    u->master = master;
    u->channel = u->predecessor = -1;
    uv_timer_init(&master->loop, &u->successor_timer);
    u->successor_timer.data = u;
    if (getenv(HANDOVER_VARIABLE) == NULL)
        return;
    unsetenv(HANDOVER_VARIABLE);
    u->predecessor = HANDOVER_FD;
    (void)fcntl(u->predecessor, F_SETFD, FD_CLOEXEC);
    inherit(u);
}

void upgrade_taken_over(struct upgrade *u)
{
    static const struct message m = {.type = MESSAGE_TAKEN_OVER};

    if (u->predecessor < 0)
        return;
    (void)channel_send(u->predecessor, &m);
    close(u->predecessor);
}

bool upgrade_is_successor(const struct upgrade *u)
{
    return u->predecessor >= 0;
}
