#include "proxy/master/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "certstore/context.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/handover.h"
#include "proxy/master/disk_look.h"
#include "proxy/master/drained.h"
#include "proxy/master/notify.h"
#include "proxy/master/plan.h"
#include "proxy/master/program.h"
#include "proxy/master/regression.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/signals.h"
#include "proxy/master/spawn.h"
#include "proxy/master/successor.h"

enum {
    TICK = 100,
    HELLO_TIMEOUT = 10 * 1000,
    SERVING_TIMEOUT = 60 * 1000,
    PROBATION = 3 * 1000,
    HEARD_LATELY = 1000, /* it sends ALIVE four times a second */
    SILENCE = 8 * 1000,
    TAKEN_TIMEOUT = 10 * 1000,
};

/* ---- its result ---- */

static void answer(struct upgrade *u, const char *failure)
{
    const struct release *current = u->of.reload->rollout.current;
    json_t *verdict = json_pack("{sb sb sI s[] s[] s[]}", "ok", failure == NULL,
        "upgraded", failure == NULL, "generation",
        (json_int_t)(current != NULL ? current->id : 0), "findings", "workers",
        "services");
    struct list *node;

    if (failure != NULL)
        json_object_set_new(verdict, "error", json_string(failure));
    while ((node = list_take(&u->waiting)) != NULL) {
        struct reload_waiter *waiter = container_of(node, struct reload_waiter, link);

        waiter->verdict(waiter, verdict);
    }
    json_decref(verdict);
}

static void on_closed(uv_handle_t *handle)
{
    struct upgrade *u = handle->data;

    close(u->channel);
    u->channel = -1;
    if (u->state == UPGRADE_CLOSING)
        u->state = UPGRADE_NONE;
}

static void close_channel(struct upgrade *u)
{
    uv_timer_stop(&u->tick);
    if (u->channel >= 0 && !uv_is_closing((uv_handle_t *)&u->poll))
        uv_close((uv_handle_t *)&u->poll, on_closed);
}

/* Nothing has changed: our workers have not stopped accepting. */
static void fail(struct upgrade *u, const char *reason)
{
    char sentence[ERROR_TEXT_MAX + 96];

    log_error("event=upgrade_failed successor=%d program=%s reason=%s text=\"this "
              "process goes on\"",
        (int)u->pid, u->of.program->path, log_quoted(reason).text);
    if (u->pid > 0)
        kill(u->pid, SIGKILL);
    u->pid = 0;
    program_file_of(u->of.program->path, &u->failed);
    u->state = u->channel >= 0 ? UPGRADE_CLOSING : UPGRADE_NONE;
    close_channel(u);
    snprintf(sentence, sizeof(sentence),
        "the program on disk did not take over, the old one goes on: %s", reason);
    notify_ready(sentence);
    answer(u, sentence);
    reload_let_go(u->of.reload);
}

static void hand_over(struct upgrade *u)
{
    bool reloaded = u->of.reload->begun != u->reloads;

    log_info("event=upgraded successor=%d", (int)u->pid);
    u->state = UPGRADE_TAKEN;
    notify_send("MAINPID=%d", (int)u->pid);
    answer(u, NULL);
    close_channel(u);
    if (u->of.handed_over(u->of.owner) || reloaded)
        upgrade_pass_on(u, SIGHUP);
}

/* ---- what we send ---- */

static bool send_sockets(int channel, const struct socket_group *group)
{
    struct handover_message m;

    for (size_t i = 0; i < group->count; i += m.fd_count) {
        handover_begin(&m, HANDOVER_SOCKETS);
        while (m.fd_count < HANDOVER_FDS && i + m.fd_count < group->count) {
            m.fds[m.fd_count] = group->fds[i + m.fd_count];
            m.fd_count++;
        }
        if (!handover_send(channel, &m))
            return false;
    }
    return true;
}

static bool send_ticket_key(int channel, const struct ticket_key *key)
{
    struct handover_message m;
    bool sent;

    handover_begin(&m, HANDOVER_TICKET_KEY);
    handover_put(&m, HANDOVER_FIELD_KEY_NAME, key->name, sizeof(key->name));
    handover_put(&m, HANDOVER_FIELD_KEY_AES, key->aes, sizeof(key->aes));
    handover_put(&m, HANDOVER_FIELD_KEY_HMAC, key->hmac, sizeof(key->hmac));
    handover_put(&m, HANDOVER_FIELD_KEY_NATIVE, key->native, sizeof(key->native));
    handover_put_number(&m, HANDOVER_FIELD_KEY_ENDS, key->ends);
    sent = handover_send(channel, &m);
    explicit_bzero(&m, sizeof(m));
    return sent;
}

static bool send_drained(int channel, const struct drained *drained, size_t index)
{
    const struct drained_backend *one = &drained->backends.list[index];
    struct handover_message m;

    handover_begin(&m, HANDOVER_DRAINED_BACKEND);
    handover_put_text(&m, HANDOVER_FIELD_SERVICE, one->service);
    handover_put_text(&m, HANDOVER_FIELD_ADDRESS, one->address);
    handover_put_number(&m, HANDOVER_FIELD_SINCE, (uint64_t)drained->since[index]);
    return handover_send(channel, &m);
}

static bool send_inheritance(const struct upgrade_of *of, int channel)
{
    struct handover_message ready;

    for (size_t i = 0; i < of->reload->sockets.count; i++) {
        if (!send_sockets(channel, &of->reload->sockets.groups[i]))
            return false;
    }
    for (size_t i = 0; i < of->tickets->count; i++) {
        if (!send_ticket_key(channel, &of->tickets->keys[i]))
            return false;
    }
    for (size_t i = 0; i < of->drained->backends.count; i++) {
        if (!send_drained(channel, of->drained, i))
            return false;
    }
    handover_begin(&ready, HANDOVER_READY);
    handover_put_number(&ready, HANDOVER_FIELD_VERSION, HANDOVER_VERSION);
    handover_put_text(&ready, HANDOVER_FIELD_PROGRAM, WLB_VERSION);
    handover_put_number(&ready, HANDOVER_FIELD_GENERATION, of->reload->last_id);
    handover_put_number(&ready, HANDOVER_FIELD_LIFETIME, of->tickets->lifetime);
    return handover_send(channel, &ready);
}

/* ---- what it sends ---- */

static void await(struct upgrade *u, enum upgrade_state state, uint64_t timeout)
{
    u->state = state;
    u->due = uv_now(u->of.reload->loop) + timeout;
}

/* From now on it reads the files: a later reload must be repeated by it. */
static void take_hello(struct upgrade *u, const struct handover_message *m)
{
    char version[64];

    handover_get_text(m, HANDOVER_FIELD_PROGRAM, version, sizeof(version));
    log_info("event=successor_hello successor=%d version=%s", (int)u->pid,
        log_quoted(version).text);
    u->reloads = u->of.reload->begun;
    if (!send_inheritance(&u->of, u->channel)) {
        fail(u, errno == EAGAIN ? "it does not take the sockets" : "it ended");
        return;
    }
    await(u, UPGRADE_AWAIT_SERVING, SERVING_TIMEOUT);
    reload_let_go(u->of.reload);
}

static void take_refusal(struct upgrade *u, const struct handover_message *m)
{
    char reason[ERROR_TEXT_MAX];

    handover_get_text(m, HANDOVER_FIELD_REASON, reason, sizeof(reason));
    fail(u, reason[0] != '\0' ? reason : "it cannot start");
}

static void take(struct upgrade *u, const struct handover_message *m)
{
    u->heard = uv_now(u->of.reload->loop);
    if (m->type == HANDOVER_HELLO && u->state == UPGRADE_AWAIT_HELLO)
        take_hello(u, m);
    else if (m->type == HANDOVER_REFUSED)
        take_refusal(u, m);
    else if (m->type == HANDOVER_SERVING && u->state == UPGRADE_AWAIT_SERVING)
        await(u, UPGRADE_PROBATION, PROBATION);
    else if (m->type == HANDOVER_TAKEN && u->state == UPGRADE_AWAIT_TAKEN)
        hand_over(u);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct upgrade *u = poll->data;
    struct handover_message m;
    enum handover_result result =
        status == 0 ? handover_receive(u->channel, &m, 0) : HANDOVER_CLOSED;

    (void)events;
    if (result == HANDOVER_MESSAGE) {
        handover_close_fds(&m);
        take(u, &m);
    } else if (result == HANDOVER_CLOSED)
        fail(u, "it ended");
}

static void give_it_our_place(struct upgrade *u)
{
    struct handover_message yours;

    handover_begin(&yours, HANDOVER_YOURS);
    await(u, UPGRADE_AWAIT_TAKEN, TAKEN_TIMEOUT);
    if (!handover_send(u->channel, &yours))
        fail(u, "it does not take its messages");
}

static void on_tick(uv_timer_t *timer)
{
    struct upgrade *u = timer->data;
    uint64_t now = uv_now(u->of.reload->loop);

    if (u->state == UPGRADE_PROBATION && now - u->heard > SILENCE)
        fail(u, "it said that it serves, and was not heard of since");
    else if (now < u->due)
        return;
    else if (u->state == UPGRADE_AWAIT_HELLO)
        fail(u, "it did not say hello");
    else if (u->state == UPGRADE_AWAIT_SERVING)
        fail(u, "it did not come to serve");
    else if (u->state == UPGRADE_AWAIT_TAKEN)
        fail(u, "it did not take over");
    else if (now - u->heard < HEARD_LATELY)
        give_it_our_place(u);
}

/* ---- its start ---- */

/* Our own, and the variable: setenv() would change what another thread may be reading.
 * The caller frees the array. */
static char **successor_environment(void)
{
    static char variable[] = SUCCESSOR_VARIABLE "=3"; /* SUCCESSOR_FD */
    size_t count = 0;
    char **environment;

    while (environ[count] != NULL)
        count++;
    environment = memory_array(count + 2, sizeof(*environment));
    memcpy(environment, environ, count * sizeof(*environment));
    environment[count] = variable;
    return environment;
}

static int start_successor(struct upgrade *u, int their_end)
{
    const struct upgrade_of *of = &u->of;
    char *with_config[] = {(char *)"wlbproxy", (char *)"run", (char *)"-c",
        (char *)of->reload->config_path, NULL};
    char *without[] = {(char *)"wlbproxy", (char *)"run", NULL};
    struct spawn spawn = {.program = of->program->path,
        .arguments = of->reload->optional ? without : with_config,
        .keeps_capabilities = true,
        .sibling = true,
        .held = signals_early,
        .fds = {SPAWN_NULL, STDOUT_FILENO, STDERR_FILENO, [SUCCESSOR_FD] = their_end}};
    char **environment = successor_environment();
    int result;

    spawn.environment = environment;
    result = spawn_process(&spawn, &u->pid);
    free(environment);
    if (result != 0)
        u->pid = 0;
    return result;
}

/* The end of process 1 is the end of its container, and of all that runs in it. */
static bool is_possible(const struct upgrade *u)
{
    if (u->state != UPGRADE_NONE)
        log_warning("event=upgrade_running successor=%d", (int)u->pid);
    else if (getpid() == 1)
        log_error("event=upgrade_refused reason=\"process 1 of a container cannot be "
                  "replaced: its end ends the container\" text=\"start it under an init, "
                  "or start another container\"");
    else
        return true;
    return false;
}

static bool open_channel(struct upgrade *u, int *theirs)
{
    int result;

    if (!channel_pair(&u->channel, theirs)) {
        u->channel = -1;
        return false;
    }
    result = uv_poll_init(u->of.reload->loop, &u->poll, u->channel);
    if (result == 0) {
        u->poll.data = u;
        return true;
    }
    close(u->channel);
    close(*theirs);
    u->channel = -1;
    errno = -result;
    return false;
}

static void begin(struct upgrade *u)
{
    int theirs, result;

    reload_hold(u->of.reload);
    if (!open_channel(u, &theirs)) {
        fail(u, strerror(errno));
        return;
    }
    await(u, UPGRADE_AWAIT_HELLO, HELLO_TIMEOUT);
    result = start_successor(u, theirs);
    close(theirs);
    if (result != 0) {
        fail(u, strerror(result));
        return;
    }
    notify_reloading();
    log_info("event=upgrading successor=%d program=%s", (int)u->pid, u->of.program->path);
    uv_poll_start(&u->poll, UV_READABLE, on_readable);
    uv_timer_start(&u->tick, on_tick, TICK, TICK);
}

/* Nothing was begun. A reload by this version is refused for the same reason, with
 * everything a refusal does; the next one finds the program on disk again. */
static void refuse(struct upgrade *u, const struct error *err)
{
    struct list *node;

    log_error(
        "event=upgrade_refused reason=%s text=\"mend it, or take it over by: wlbproxy "
        "reload --force\"",
        log_quoted(err->text).text);
    u->state = UPGRADE_NONE;
    if (list_empty(&u->waiting))
        reload_request(u->of.reload);
    while ((node = list_take(&u->waiting)) != NULL)
        reload_ask(u->of.reload, container_of(node, struct reload_waiter, link));
}

static void on_looked(struct disk_look *look)
{
    struct upgrade *u = look->owner;
    const struct release *current = u->of.reload->rollout.current;
    struct error err;
    bool worse = look->plan != NULL &&
        !regression_judge(
            current->plan, look->plan, false, time(NULL), &look->findings, &err);

    u->look = NULL;
    disk_look_end(look);
    if (worse)
        refuse(u, &err);
    else
        begin(u);
}

void upgrade_begin(struct upgrade *u)
{
    const struct reload *r = u->of.reload;

    if (!is_possible(u))
        return;
    u->state = UPGRADE_JUDGING;
    u->look = disk_look_begin(r->tasks, r->config_path, r->optional, NULL, on_looked, u);
}

bool upgrade_is_due(const struct upgrade *u)
{
    struct program_file there;

    if (u->state != UPGRADE_NONE)
        return u->state < UPGRADE_TAKEN;
    return getpid() != 1 && u->of.reload->rollout.current != NULL &&
        !u->of.reload->over && program_file_of(u->of.program->path, &there) &&
        !program_file_equal(&there, &u->of.program->file) &&
        !program_file_equal(&there, &u->failed);
}

void upgrade_ask(struct upgrade *u, struct reload_waiter *waiter)
{
    list_append(&u->waiting, &waiter->link);
    if (u->state == UPGRADE_NONE && waiter->force && is_possible(u))
        begin(u);
    else if (u->state == UPGRADE_NONE)
        upgrade_begin(u);
}

void upgrade_abandon(struct upgrade *u)
{
    if (u->state == UPGRADE_NONE || u->state >= UPGRADE_TAKEN)
        return;
    log_info("event=upgrade_abandoned successor=%d", (int)u->pid);
    if (u->state == UPGRADE_JUDGING) {
        disk_look_end(u->look);
        u->look = NULL;
    } else {
        kill(u->pid, SIGKILL);
    }
    u->pid = 0;
    u->state = u->channel >= 0 ? UPGRADE_CLOSING : UPGRADE_NONE;
    close_channel(u);
    answer(u, "this process ends, and the upgrade with it");
}

bool upgrade_pass_on(const struct upgrade *u, int number)
{
    return u->state == UPGRADE_TAKEN && kill(u->pid, number) == 0;
}

void upgrade_init(struct upgrade *u, const struct upgrade_of *of)
{
    u->of = *of;
    u->channel = -1;
    list_init(&u->waiting);
    uv_timer_init(of->reload->loop, &u->tick);
    u->tick.data = u;
}
