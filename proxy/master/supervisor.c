#include "proxy/master/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/child_log.h"
#include "proxy/master/spawn.h"
#include "proxy/master/worker_environment.h"

enum {
    TICK_MS = 500,
    UNASKED_MAX = 256, /* messages a tick; a busy worker sends a handful */
    UNANSWERED_MAX = 8, /* heartbeats, one a tick: hung after four seconds */
    HELLO_TIMEOUT = 30000, /* ms to start up: libraries, self-tests */
    TASK_TIMEOUT = 30000, /* ms to prepare or take over a generation */
    YOUNG = 10000, /* ms; an older one that ends is replaced at once */
    PAUSE_FIRST = 100,
    PAUSE_MAX = 2000, /* its clients wait in its backlog meanwhile */
};

static uint64_t now_ms(const struct supervisor *s)
{
    return uv_now(s->loop);
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;

    if (child->channel >= 0)
        close(child->channel);
    free(child);
}

static void kill_now(const struct child *child)
{
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
}

enum event { DIED, ENDED, KILLED, NOT_STARTED, PAUSE, UP, EVENTS };

/* By enum supervised. */
static const struct kind {
    const char *name; /* the field of its slot in events */
    const char *events[EVENTS];
} kinds[] = {
    {"worker",
        {"event=worker_died", "event=worker_ended", "event=worker_killed",
            "event=worker_not_started", "event=worker_pause", "event=worker_up"}},
    {"signer",
        {"event=signer_died", "event=signer_ended", "event=signer_killed",
            "event=signer_not_started", "event=signer_pause", "event=signer_up"}},
    {"admin",
        {"event=admin_died", "event=admin_ended", "event=admin_killed",
            "event=admin_not_started", "event=admin_pause", "event=admin_up"}},
};

static const struct kind *kind_of(const struct child *child)
{
    return &kinds[child->supervisor->kind];
}

void supervisor_kill(struct child *child, const char *why)
{
    if (child->ending)
        return;
    child->ending = true;
    log_error("%s %s=%u pid=%d reason=%s", kind_of(child)->events[KILLED],
        kind_of(child)->name, child->slot, child->pid, log_quoted(why).text);
    kill_now(child);
}

void supervisor_send(struct child *child, const struct message *m)
{
    if (!child->ending && !channel_send(child->channel, m))
        supervisor_kill(child, "does not take its messages");
    if (child->unasked > -UNASKED_MAX)
        child->unasked -= 2;
}

void supervisor_broadcast(struct supervisor *s, const struct message *m)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->slots[i].child != NULL && s->slots[i].child->up)
            supervisor_send(s->slots[i].child, m);
    }
}

static uint64_t pause_before_next(struct slot *slot, uint64_t lived)
{
    uint64_t pause = PAUSE_FIRST;

    if (lived >= YOUNG) {
        slot->young_deaths = 0;
        return 0;
    }
    if (slot->young_deaths++ == 0)
        return 0;
    for (unsigned i = 2; i < slot->young_deaths && pause < PAUSE_MAX; i++)
        pause *= 2;
    return pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

static void log_end(const struct child *child, int status, int signal)
{
    const struct kind *kind = kind_of(child);

    if (child->supervisor->draining && status == 0 && signal == 0)
        log_info(
            "%s %s=%u pid=%d", kind->events[ENDED], kind->name, child->slot, child->pid);
    else if (signal != 0)
        log_error("%s %s=%u pid=%d signal=%d reason=\"%s\"", kind->events[DIED],
            kind->name, child->slot, child->pid, signal, strsignal(signal));
    else
        log_error("%s %s=%u pid=%d status=%d", kind->events[DIED], kind->name,
            child->slot, child->pid, status);
}

static void spawn(struct supervisor *s, unsigned index);

static void ended(struct child *child, const struct spawn_end *end)
{
    struct supervisor *s = child->supervisor;
    struct slot *slot = &s->slots[child->slot];
    uint64_t pause = pause_before_next(slot, now_ms(s) - child->started);

    child->up = false;
    child->ending = true;
    slot->child = NULL;
    child_log_end(child->log);
    log_end(child, end->status, end->signal);
    child->pid = 0;
    s->events->gone(s, child);
    uv_close((uv_handle_t *)&child->poll, on_closed);
    if (!s->draining) {
        slot->restarts++;
        slot->due = now_ms(s) + pause + 1;
        if (pause == 0)
            spawn(s, child->slot);
        else
            log_warning("%s %s=%u ms=%llu", kind_of(child)->events[PAUSE],
                kind_of(child)->name, child->slot, (unsigned long long)pause);
    } else if (supervisor_is_empty(s)) {
        s->events->empty(s);
    }
}

/* The text goes into the log and into JSON, and comes from a process that talks to the
 * network. */
static void take_words(char words[CRYPTO_TEXT_MAX], const char *text)
{
    size_t len = 0;

    for (; len < CRYPTO_TEXT_MAX - 1 && text[len] != '\0'; len++)
        words[len] =
            text[len] >= ' ' && text[len] <= '~' && text[len] != '"' ? text[len] : '?';
    words[len] = '\0';
}

static void take_hello(struct child *child, const struct message *m)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};
    const char *crypto = wire_get_text(&r), *sandbox = wire_get_text(&r);

    if (r.failed || crypto == NULL || sandbox == NULL || child->up) {
        supervisor_kill(child, "speaks another version's language");
        return;
    }
    take_words(child->crypto, crypto);
    take_words(child->sandbox, sandbox);
    child->up = true;
    log_info("%s %s=%u pid=%d crypto=\"%s\"", kind_of(child)->events[UP],
        kind_of(child)->name, child->slot, child->pid, child->crypto);
    child->supervisor->events->hello(child->supervisor, child);
}

static void take(struct child *child, struct message *m)
{
    child->unanswered = 0;
    if (++child->unasked > UNASKED_MAX)
        supervisor_kill(child, "sends more messages than it was asked for");
    else if (m->type == MESSAGE_HELLO)
        take_hello(child, m);
    else if (m->type != MESSAGE_PONG)
        child->supervisor->events->message(child->supervisor, child, m);
    message_close_fds(m);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct child *child = poll->data;
    struct message m;
    enum channel_result result = CHANNEL_AGAIN;

    (void)events;
    for (int i = 0; i < 16 && status == 0 && !uv_is_closing((uv_handle_t *)poll); i++) {
        result = channel_receive(child->channel, &m, buffer);
        if (result != CHANNEL_MESSAGE)
            break;
        if (m.fds_lost) /* a child has none to pass: sandbox.c */
            supervisor_kill(child, "passes descriptors");
        take(child, &m);
    }
    if (status != 0 || result == CHANNEL_CLOSED) {
        uv_poll_stop(poll);
        /* Without its channel it is of no use, and mostly dead already. */
        kill_now(child);
    }
}

static int start_process(struct child *child, int worker_end, int log_end)
{
    char *environment[WORKER_ENVIRONMENT_MAX];
    const struct supervisor *s = child->supervisor;
    char *arguments[] = {(char *)(uintptr_t)program_name(s->child_program), NULL};
    /* They mean the master, also when they are sent to the whole group: the child will
     * ignore them. */
    static const int held[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, 0};
    const struct spawn spawn = {
        .held = held,
        .program_fd = s->program->children[s->child_program],
        .arguments = arguments,
        .environment = environment,
        .fds = {SPAWN_NULL, SPAWN_NULL, log_end, [CHANNEL_FD] = worker_end},
    };

    worker_environment(environment);
    return spawn_process(&spawn, &child->pid);
}

static void plan_retry(struct supervisor *s, unsigned index, const char *step, int error)
{
    struct slot *slot = &s->slots[index];

    slot->due = now_ms(s) + 1 + pause_before_next(slot, 0);
    log_error("%s %s=%u reason=\"%s: %s%s\"", kinds[s->kind].events[NOT_STARTED],
        kinds[s->kind].name, index, step, strerror(error),
        error == EAGAIN ? "; too many processes: raise TasksMax, or ulimit -u" : "");
}

static struct child_log *new_log(struct supervisor *s, unsigned index, int *its_end)
{
    char who[32];

    if (s->kind == SUPERVISED_WORKERS)
        snprintf(who, sizeof(who), "worker %u", index);
    else
        snprintf(who, sizeof(who), "%s", kinds[s->kind].name);
    return child_log_new(s->loop, who, its_end);
}

/* NULL and errno when there is no room for another one. */
static struct child *new_child(
    struct supervisor *s, unsigned index, int channel, int *log_end)
{
    struct child *child = calloc(1, sizeof(*child));
    int result;

    if (child == NULL)
        return NULL;
    child->log = new_log(s, index, log_end);
    if (child->log == NULL) {
        free(child);
        return NULL;
    }
    child->supervisor = s;
    child->slot = index;
    child->channel = channel;
    child->started = now_ms(s);
    child->poll.data = child;
    result = uv_poll_init(s->loop, &child->poll, channel);
    if (result == 0)
        return child;
    close(*log_end);
    child_log_end(child->log);
    free(child);
    errno = -result;
    return NULL;
}

static void spawn(struct supervisor *s, unsigned index)
{
    int ours, theirs, log_end, result;
    struct child *child;

    s->slots[index].due = 0;
    if (!channel_pair(&ours, &theirs)) {
        plan_retry(s, index, "channel", errno);
        return;
    }
    child = new_child(s, index, ours, &log_end);
    if (child == NULL) {
        plan_retry(s, index, "channel", errno);
        close(ours);
        close(theirs);
        return;
    }
    result = start_process(child, theirs, log_end);
    close(theirs);
    close(log_end);
    if (result != 0) {
        plan_retry(s, index, program_name(s->child_program), result);
        child_log_end(child->log);
        uv_close((uv_handle_t *)&child->poll, on_closed);
        return;
    }
    child_log_is_of(child->log, child->pid);
    s->slots[index].child = child;
    uv_poll_start(&child->poll, UV_READABLE, on_readable);
    s->events->started(s, child);
}

/* Returns whether it has run since the last look. */
static bool has_run(struct child *child)
{
    struct timespec before = child->used;
    clockid_t clock;

    if (clock_getcpuclockid(child->pid, &clock) != 0 ||
        clock_gettime(clock, &child->used) != 0)
        return false;
    return before.tv_sec != child->used.tv_sec || before.tv_nsec != child->used.tv_nsec;
}

/* A worker that prepares a large generation cannot answer, but it uses CPU time; one that
 * hangs does not. Missed heartbeats are counted, not time: after the machine or we were
 * suspended, the worker gets a chance to answer. */
static void look_after(struct child *child, uint64_t now)
{
    static const struct message ping = {.type = MESSAGE_PING};
    bool working = child->waiting_since != 0;

    child_log_tick(child->log);
    if (child->unasked > 0)
        child->unasked = 0;
    if (child->ending)
        return;
    if (!child->up) {
        if (now - child->started > HELLO_TIMEOUT)
            supervisor_kill(child, "did not start up in time");
        return;
    }
    if (working && now - child->waiting_since > TASK_TIMEOUT) {
        supervisor_kill(child, "did not take the new configuration in time");
        return;
    }
    if (has_run(child) && working)
        child->unanswered = 0;
    if (child->unanswered >= UNANSWERED_MAX) {
        supervisor_kill(child, "does not answer its heartbeat");
        return;
    }
    child->unanswered++;
    if (channel_send_at_once(child->channel, &ping))
        child->untaken = 0;
    else if (++child->untaken >= UNANSWERED_MAX) /* even if it sends messages */
        supervisor_kill(child, "does not take its messages");
}

void supervisor_look_for_ended(struct supervisor *s)
{
    struct spawn_end end;

    for (unsigned i = 0; i < s->count; i++) {
        struct child *child = s->slots[i].child;

        if (child != NULL && spawn_has_ended(child->pid, &end))
            ended(child, &end);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    uint64_t now = now_ms(s);

    supervisor_look_for_ended(s);
    for (unsigned i = 0; i < s->count; i++) {
        if (s->slots[i].child != NULL)
            look_after(s->slots[i].child, now);
        else if (s->slots[i].due != 0 && now >= s->slots[i].due && !s->draining)
            spawn(s, i);
    }
}

unsigned supervisor_slots(uint32_t workers)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = workers != 0 ? workers : (unsigned)cpus;

    return count < 1 ? 1 : count < SUPERVISOR_SLOTS_MAX ? count : SUPERVISOR_SLOTS_MAX;
}

void supervisor_start(struct supervisor *s, unsigned count)
{
    s->tick.data = s;
    uv_timer_init(s->loop, &s->tick);
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    s->count = 0;
    supervisor_grow(s, count);
}

void supervisor_grow(struct supervisor *s, unsigned count)
{
    unsigned first = s->count;

    if (count > SUPERVISOR_SLOTS_MAX)
        count = SUPERVISOR_SLOTS_MAX;
    if (s->draining || count <= first)
        return;
    s->count = count; /* before the first start: an event may look at all slots */
    for (unsigned i = first; i < count; i++)
        spawn(s, i);
}

void supervisor_end(struct supervisor *s, enum message_type how, uint32_t id)
{
    struct message m = {.type = how, .id = id};

    s->draining = true;
    for (unsigned i = 0; i < s->count; i++) {
        struct child *child = s->slots[i].child;

        if (child != NULL && !child->up)
            supervisor_kill(child, "not needed any more");
        else if (child != NULL)
            supervisor_send(child, &m);
    }
    if (supervisor_is_empty(s))
        s->events->empty(s);
}

void supervisor_kill_all(struct supervisor *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->slots[i].child != NULL)
            kill_now(s->slots[i].child);
    }
}

bool supervisor_is_empty(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->slots[i].child != NULL)
            return false;
    }
    return true;
}

bool supervisor_has(const struct supervisor *s, pid_t pid)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->slots[i].child != NULL && s->slots[i].child->pid == pid)
            return true;
    }
    return false;
}

bool supervisor_is_well(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct child *child = s->slots[i].child;

        if (child == NULL || !child->up || child->unanswered > UNANSWERED_MAX / 2)
            return false;
    }
    return true;
}
