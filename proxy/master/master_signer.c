#include "proxy/master/master_signer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/status.h"

enum { JOIN_AGAIN = 500 /* ms; a worker asks once a second */ };

static bool has_keys(const struct child *signer)
{
    return signer != NULL && signer->up && !signer->ending && signer->ready != 0;
}

static void send_end(struct child *to, enum message_type type, uint32_t id, int fd)
{
    struct message m = {.type = type, .id = id, .fds = {fd}, .fd_count = 1};

    supervisor_send(to, &m);
    close(fd);
}

/* The slot of this worker's signer. */
static unsigned slot_for(const struct master_signer *s, unsigned worker)
{
    return worker % s->supervisor.count;
}

static void join(struct child *signer, struct child *worker)
{
    int signers_end, workers_end;

    if (!has_keys(signer) || worker == NULL || worker->ending)
        return;
    if (!channel_pair(&signers_end, &workers_end)) {
        supervisor_kill(worker, "no channel to the signer could be made");
        return;
    }
    send_end(signer, MESSAGE_REQUESTER, worker->slot, signers_end);
    send_end(worker, MESSAGE_SIGNER, 0, workers_end);
    worker->joined = uv_now(worker->supervisor->loop);
}

void master_signer_join(struct master_signer *s, struct child *worker)
{
    if (s->supervisor.count > 0)
        join(s->supervisor.slots[slot_for(s, worker->slot)].child, worker);
}

void master_signer_join_again(struct master_signer *s, struct child *worker)
{
    if (uv_now(s->workers->loop) - worker->joined >= JOIN_AGAIN)
        master_signer_join(s, worker);
}

static void join_workers(struct master_signer *s, struct child *signer)
{
    for (unsigned i = 0; i < s->workers->count; i++) {
        if (slot_for(s, i) == signer->slot)
            join(signer, s->workers->slots[i].child);
    }
}

static void on_started(struct supervisor *supervisor, struct child *child)
{
    struct master_signer *s = supervisor->owner;
    char body[SETUP_BYTES];
    const struct setup setup = {
        .identity = *s->identity, .crypto = s->reload->started_with.crypto};
    struct message message = {.type = MESSAGE_SETUP, .body = body};

    message.len = setup_encode(&setup, body, sizeof(body));
    supervisor_send(child, &message);
}

/* In the words of engine_description(). */
static bool makes_batches(const struct child *signer)
{
    return strncmp(signer->crypto, "batched", strlen("batched")) == 0;
}

/* The first signer knows whether it makes batches, and says so before it has keys: no
 * worker is connected yet. */
static void start_the_others(struct master_signer *s, const struct child *first)
{
    unsigned workers = s->workers->count, cpus = supervisor_slots(0);

    if (!makes_batches(first))
        supervisor_grow(&s->supervisor, workers < cpus ? workers : cpus);
}

static void on_hello(struct supervisor *supervisor, struct child *child)
{
    struct master_signer *s = supervisor->owner;

    start_the_others(s, child);
    rollout_hello(&s->reload->rollout, child);
}

/* A worker that misbehaves towards the signer does it on purpose. */
static void on_misbehaviour(struct master_signer *s, uint32_t slot)
{
    if (slot < s->workers->count && s->workers->slots[slot].child != NULL)
        supervisor_kill(
            s->workers->slots[slot].child, "sends the signer what are no requests");
}

static void on_message(
    struct supervisor *supervisor, struct child *child, struct message *message)
{
    struct master_signer *s = supervisor->owner;
    bool had_keys = has_keys(child);

    if (message->type == MESSAGE_MISBEHAVED)
        on_misbehaviour(s, message->id);
    else if (!rollout_message(&s->reload->rollout, child, message) &&
        message->type == MESSAGE_STATS)
        status_take_signer(s->status, child, message);
    if (!had_keys && has_keys(child))
        join_workers(s, child);
}

static void on_gone(struct supervisor *supervisor, struct child *child)
{
    struct master_signer *s = supervisor->owner;

    status_signer_gone(s->status, child);
    if (!s->reload->over)
        rollout_gone(&s->reload->rollout, child);
}

static void on_empty(struct supervisor *supervisor)
{
    struct master_signer *s = supervisor->owner;

    s->ended(s->owner);
}

static const struct supervisor_events events = {
    on_started, on_hello, on_message, on_gone, on_empty};

void master_signer_init(struct master_signer *s)
{
    s->supervisor.events = &events;
    s->supervisor.owner = s;
    s->supervisor.loop = s->workers->loop;
    s->supervisor.program = s->workers->program;
    s->supervisor.kind = SUPERVISED_SIGNER;
    s->supervisor.child_program = PROGRAM_SIGNER;
}

void master_signer_start(struct master_signer *s)
{
    s->reload->rollout.signers = &s->supervisor;
    supervisor_start(&s->supervisor, 1);
}

void master_signer_retire_keys(struct master_signer *s)
{
    const struct message retire = {
        .type = MESSAGE_RETIRE_KEYS, .id = s->reload->rollout.current->id};

    supervisor_broadcast(&s->supervisor, &retire);
}

void master_signer_end(struct master_signer *s)
{
    supervisor_end(&s->supervisor, MESSAGE_STOP, 0);
}
