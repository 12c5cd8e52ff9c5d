#include "proxy/master/master_workers.h"

#include "config/settings.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/drained.h"
#include "proxy/master/master_signer.h"
#include "proxy/master/reload.h"
#include "proxy/master/resolver.h"
#include "proxy/master/status.h"
#include "proxy/master/ticket_rotation.h"
#include "proxy/master/worker_logs.h"

static void on_started(struct supervisor *s, struct child *child)
{
    const struct master_workers *w = s->owner;
    char body[SETUP_BYTES];
    struct setup setup = {.slot = child->slot,
        .identity = *w->identity,
        .crypto = w->reload->started_with.crypto,
        .batch_hold = w->reload->started_with.batch_hold,
        .signer = w->reload->started_with.signer,
        .connects_to_unix = w->reload->started_with.connects_to_unix,
        .ports = w->reload->started_with.ports};
    struct message message = {.type = MESSAGE_SETUP, .body = body};

    message.len = setup_encode(&setup, body, sizeof(body));
    supervisor_send(child, &message);
    worker_logs_send(w->logs, child);
    ticket_rotation_send(w->tickets, child);
    drained_send(w->drained, child);
    master_signer_join(w->signer, child);
}

static void on_hello(struct supervisor *s, struct child *child)
{
    const struct master_workers *w = s->owner;

    rollout_hello(&w->reload->rollout, child);
}

static void on_message(struct supervisor *s, struct child *child, struct message *message)
{
    const struct master_workers *w = s->owner;

    if (message->type == MESSAGE_COMMITTED)
        resolver_tell(w->resolver, child);
    if (message->type == MESSAGE_ASK_SIGNER)
        master_signer_join_again(w->signer, child);
    else if (!rollout_message(&w->reload->rollout, child, message) &&
        message->type == MESSAGE_STATS)
        status_take(w->status, child, message);
}

static void on_gone(struct supervisor *s, struct child *child)
{
    const struct master_workers *w = s->owner;

    status_gone(w->status, child);
    if (!w->reload->over)
        rollout_gone(&w->reload->rollout, child);
}

static void on_all_gone(struct supervisor *s)
{
    const struct master_workers *w = s->owner;

    master_signer_end(w->signer);
}

static const struct supervisor_events events = {
    on_started, on_hello, on_message, on_gone, on_all_gone};

void master_workers_init(
    struct master_workers *workers, uv_loop_t *loop, const struct program *program)
{
    workers->supervisor.events = &events;
    workers->supervisor.owner = workers;
    workers->supervisor.loop = loop;
    workers->supervisor.program = program;
    workers->supervisor.kind = SUPERVISED_WORKERS;
}

unsigned master_workers_start(
    struct master_workers *workers, const struct settings *settings)
{
    unsigned slots = supervisor_slots(settings->workers);

    workers->supervisor.count = slots;
    workers->supervisor.child_program =
        settings->signer ? PROGRAM_WORKER : PROGRAM_WORKER_WITH_KEYS;
    supervisor_start(&workers->supervisor, slots);
    return slots;
}
