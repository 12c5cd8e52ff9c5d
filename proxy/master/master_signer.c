#include "proxy/master/master_signer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/master_state.h"
#include "proxy/master/release.h"

static struct child *signer_of(const struct master *m)
{
    return m->signers.slots[0].child;
}

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

void master_signer_join(struct master *m, struct child *worker)
{
    struct child *signer = signer_of(m);
    int signers_end, workers_end;

    if (!has_keys(signer) || worker == NULL || worker->ending)
        return;
    if (!channel_pair(&signers_end, &workers_end)) {
        supervisor_kill(worker, "no channel to the signer could be made");
        return;
    }
    send_end(signer, MESSAGE_REQUESTER, worker->slot, signers_end);
    send_end(worker, MESSAGE_SIGNER, 0, workers_end);
}

static void join_all(struct master *m)
{
    for (unsigned i = 0; i < m->supervisor.count; i++)
        master_signer_join(m, m->supervisor.slots[i].child);
}

static void on_started(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;
    char body[SETUP_BYTES];
    const struct setup setup = {
        .identity = m->identity, .crypto = m->reload.started_with.crypto};
    struct message message = {.type = MESSAGE_SETUP, .body = body};

    message.len = setup_encode(&setup, body, sizeof(body));
    supervisor_send(child, &message);
}

static void on_hello(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;

    rollout_hello(&m->reload.rollout, child);
}

/* What a worker says to the signer, it says on purpose. */
static void on_misbehaviour(struct master *m, uint32_t slot)
{
    if (slot < m->supervisor.count && m->supervisor.slots[slot].child != NULL)
        supervisor_kill(
            m->supervisor.slots[slot].child, "sends the signer what are no requests");
}

static void on_message(struct supervisor *s, struct child *child, struct message *message)
{
    struct master *m = s->owner;
    bool had_keys = has_keys(child);

    if (message->type == MESSAGE_MISBEHAVED)
        on_misbehaviour(m, message->id);
    else if (!rollout_message(&m->reload.rollout, child, message) &&
        message->type == MESSAGE_STATS)
        status_take_signer(&m->status, message);
    if (!had_keys && has_keys(child))
        join_all(m);
}

static void on_gone(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;

    status_signer_gone(&m->status);
    if (!m->stopping)
        rollout_gone(&m->reload.rollout, child);
}

static void on_empty(struct supervisor *s)
{
    master_stopped(s->owner);
}

static const struct supervisor_events events = {
    on_started, on_hello, on_message, on_gone, on_empty};

void master_signer_init(struct master *m)
{
    m->signers.events = &events;
    m->signers.owner = m;
    m->signers.loop = &m->loop;
    m->signers.program = &m->program;
    m->signers.kind = SUPERVISED_SIGNER;
    m->signers.child_program = PROGRAM_SIGNER;
}

void master_signer_start(struct master *m)
{
    m->reload.rollout.signers = &m->signers;
    supervisor_start(&m->signers, 1);
}

void master_signer_retire_keys(struct master *m)
{
    const struct message retire = {
        .type = MESSAGE_RETIRE_KEYS, .id = m->reload.rollout.current->id};

    supervisor_broadcast(&m->signers, &retire);
}

void master_signer_end(struct master *m)
{
    supervisor_end(&m->signers, MESSAGE_STOP, 0);
}
