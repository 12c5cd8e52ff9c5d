#include "proxy/master/rollout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/base/log.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/sockets.h"
#include "proxy/master/supervisor.h"

/* A worker may die for reasons of its own, but after so many deaths the new generation is
 * blamed. */
enum { DEATHS_MAX = 3, STRAGGLER_SIZE = 32 };

static void tell(struct child *child, enum message_type type, uint32_t id)
{
    struct message m = {.type = type, .id = id};

    supervisor_send(child, &m);
}

static void flush_sockets(struct child *child, struct message *m)
{
    if (m->fd_count > 0)
        supervisor_send(child, m);
    m->fd_count = 0;
}

/* A slot's sockets are those whose number, modulo the number of slots, is the slot's: an
 * older master may have had more slots. */
static void send_sockets(
    const struct rollout *rollout, struct child *child, const struct release *release)
{
    uint32_t listeners[CHANNEL_SOCKETS];
    struct message m = {.type = MESSAGE_SOCKETS, .id = release->id};

    m.body = (const char *)listeners;
    for (size_t i = 0; i < release->plan->listener_count; i++) {
        const struct socket_group *group =
            sockets_find(rollout->sockets, &release->plan->listeners[i].address);

        for (size_t k = child->slot; k < group->count; k += rollout->supervisor->count) {
            listeners[m.fd_count] = (uint32_t)i;
            m.fds[m.fd_count++] = group->fds[k];
            m.len = m.fd_count * sizeof(uint32_t);
            if (m.fd_count == CHANNEL_SOCKETS)
                flush_sockets(child, &m);
        }
    }
    flush_sockets(child, &m);
}

static bool is_signer(const struct rollout *rollout, const struct child *child)
{
    return child->supervisor != NULL && child->supervisor == rollout->signers;
}

static void offer(
    const struct rollout *rollout, struct child *child, const struct release *release)
{
    struct message m = {.type = MESSAGE_OFFER, .id = release->id};

    if (is_signer(rollout, child)) {
        m.fds[m.fd_count++] = release->keys.fd;
    } else {
        send_sockets(rollout, child, release);
        m.fds[m.fd_count++] = release->snapshot.fd;
    }
    supervisor_send(child, &m);
    child->offered = release->id;
    child->withdrawn = 0;
    child->waiting_since = uv_now(rollout->supervisor->loop);
}

static void commit(const struct rollout *rollout, struct child *child, uint32_t id)
{
    child->committing = id;
    child->waiting_since = uv_now(rollout->supervisor->loop);
    tell(child, MESSAGE_COMMIT, id);
}

/* Sends the next message that this worker should get. */
static void advance(const struct rollout *rollout, struct child *child)
{
    const struct release *current = rollout->current, *next = rollout->next;

    if (!child->up || child->ending)
        return;
    if (current != NULL && child->serving != current->id) {
        if (child->offered != current->id)
            offer(rollout, child, current);
        else if (child->ready == current->id && child->committing != current->id)
            commit(rollout, child, current->id);
    } else if (next != NULL && child->offered != next->id) {
        offer(rollout, child, next);
    }
}

/* Counts all slots, the signers' last; the child is NULL where none is alive. */
static unsigned slot_count(const struct rollout *rollout)
{
    return rollout->supervisor->count +
        (rollout->signers != NULL ? rollout->signers->count : 0);
}

static struct child *child_at(const struct rollout *rollout, unsigned i)
{
    unsigned workers = rollout->supervisor->count;

    return i < workers ? rollout->supervisor->slots[i].child
                       : rollout->signers->slots[i - workers].child;
}

static void advance_all(const struct rollout *rollout)
{
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (child_at(rollout, i) != NULL)
            advance(rollout, child_at(rollout, i));
    }
}

static bool is_ready(const struct rollout *rollout, const struct child *child)
{
    return child != NULL && child->up && child->ready == rollout->next->id;
}

static bool serves(const struct rollout *rollout, const struct child *child)
{
    return child != NULL && child->up && child->serving == rollout->current->id;
}

static bool all_are_ready(const struct rollout *rollout)
{
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (!is_ready(rollout, child_at(rollout, i)))
            return false;
    }
    return true;
}

static bool all_serve(const struct rollout *rollout)
{
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (!serves(rollout, child_at(rollout, i)))
            return false;
    }
    return true;
}

/* The point of no return. Every worker has read the old snapshot long ago. */
static void decide(struct rollout *rollout)
{
    release_free(rollout->current);
    rollout->current = rollout->next;
    rollout->next = NULL;
    rollout->current->released = time(NULL);
    rollout->confirming = true;
    advance_all(rollout);
}

static void forget(struct child *child, uint32_t id)
{
    if (!child->up || child->offered != id)
        return;
    tell(child, MESSAGE_FORGET, id);
    child->offered = child->ready = child->serving;
    child->withdrawn = id;
    child->waiting_since = 0;
}

static void refuse(struct rollout *rollout)
{
    struct release *refused = rollout->next;

    rollout->next = NULL;
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (child_at(rollout, i) != NULL)
            forget(child_at(rollout, i), refused->id);
    }
    release_free(refused);
    rollout->finished(rollout, &rollout->refusal);
}

static void look_at_all(struct rollout *rollout)
{
    if (rollout->next != NULL && all_are_ready(rollout))
        decide(rollout);
    if (rollout->confirming && all_serve(rollout)) {
        rollout->confirming = false;
        rollout->finished(rollout, NULL);
    }
}

void rollout_begin(struct rollout *rollout, struct release *release)
{
    assert(!rollout_is_busy(rollout));
    rollout->next = release;
    rollout->deaths = 0;
    rollout->asked_anew = false;
    advance_all(rollout);
}

bool rollout_is_busy(const struct rollout *rollout)
{
    return rollout->next != NULL || rollout->confirming;
}

/* The first slot that the others wait for, in words: "worker 0", "signer 0". */
static const char *straggler(const struct rollout *rollout, char text[STRAGGLER_SIZE])
{
    unsigned i = 0;

    while (i + 1 < slot_count(rollout) &&
        (rollout->next != NULL ? is_ready(rollout, child_at(rollout, i))
                               : serves(rollout, child_at(rollout, i))))
        i++;
    if (i < rollout->supervisor->count)
        snprintf(text, STRAGGLER_SIZE, "worker %u", i);
    else
        snprintf(text, STRAGGLER_SIZE, "signer %u", i - rollout->supervisor->count);
    return text;
}

void rollout_give_up(struct rollout *rollout)
{
    char text[STRAGGLER_SIZE];

    if (rollout->next != NULL) {
        error_set(&rollout->refusal,
            "%s does not come up, its own lines in the log say why",
            straggler(rollout, text));
        refuse(rollout);
    } else if (rollout->confirming) {
        log_warning(
            "event=worker_behind who=\"%s\" generation=%u text=\"the others serve "
            "it, this one will when it comes up\"",
            straggler(rollout, text), rollout->current->id);
        rollout->confirming = false;
        rollout->finished(rollout, NULL);
    }
}

void rollout_hello(struct rollout *rollout, struct child *child)
{
    advance(rollout, child);
}

void rollout_gone(struct rollout *rollout, struct child *child)
{
    if (rollout->next == NULL || child->ready == rollout->next->id)
        return;
    if (++rollout->deaths < DEATHS_MAX)
        return;
    error_set(&rollout->refusal,
        "processes died %u times while they prepared it (the last one was %s %u)",
        rollout->deaths, is_signer(rollout, child) ? "signer" : "worker", child->slot);
    refuse(rollout);
}

/* The text comes from a process that talks to the network, and goes to a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
    }
}

/* Counts refusals of the next release. */
static unsigned count_refusals(const struct rollout *rollout)
{
    unsigned count = 0;

    for (unsigned i = 0; i < slot_count(rollout); i++)
        count += child_at(rollout, i) != NULL &&
            child_at(rollout, i)->refused == rollout->next->id;
    return count;
}

static bool others_are_ready(const struct rollout *rollout, const struct child *refuses)
{
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (child_at(rollout, i) != refuses && !is_ready(rollout, child_at(rollout, i)))
            return false;
    }
    return true;
}

static struct child *first_refuser(const struct rollout *rollout)
{
    for (unsigned i = 0; i < slot_count(rollout); i++) {
        if (child_at(rollout, i) != NULL &&
            child_at(rollout, i)->refused == rollout->next->id)
            return child_at(rollout, i);
    }
    return NULL;
}

/* Decides whether a worker's refusal counts. */
static void weigh_refusal(struct rollout *rollout)
{
    struct child *refuser = rollout->next != NULL ? first_refuser(rollout) : NULL;

    if (refuser == NULL || refuser->ending)
        return;
    if (rollout->supervisor->count < 2 || rollout->asked_anew ||
        is_signer(rollout, refuser) || count_refusals(rollout) > 1) {
        refuse(rollout);
    } else if (others_are_ready(rollout, refuser)) {
        rollout->asked_anew = true;
        supervisor_kill(refuser, rollout->refusal.text);
    }
}

static void take_refusal(
    struct rollout *rollout, struct child *child, const struct message *m)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};
    const char *sentence = wire_get_text(&r);
    bool cannot_work = m->id == 0 && !child->up;

    if (sentence == NULL)
        sentence = "no reason given";
    child->waiting_since = 0;
    if (rollout->next != NULL &&
        ((m->id == rollout->next->id && child->offered == m->id) || cannot_work)) {
        error_set(&rollout->refusal, "%s", sentence);
        make_printable(rollout->refusal.text);
        child->refused = rollout->next->id;
        if (cannot_work)
            refuse(rollout);
        else
            weigh_refusal(rollout);
    } else if (m->id == 0 || (child->serving != m->id && child->withdrawn != m->id)) {
        /* The others accepted it, so this worker itself has a fault. */
        supervisor_kill(child, sentence);
    }
}

bool rollout_message(
    struct rollout *rollout, struct child *child, const struct message *m)
{
    if (m->type == MESSAGE_READY && m->id == child->offered) {
        child->ready = m->id;
        child->waiting_since = 0;
    } else if (m->type == MESSAGE_COMMITTED && m->id == child->committing) {
        child->serving = m->id;
        child->waiting_since = 0;
    } else if (m->type == MESSAGE_REFUSED) {
        take_refusal(rollout, child, m);
        return true;
    } else {
        /* The answer to an offer that was withdrawn does not count. */
        return m->type == MESSAGE_READY || m->type == MESSAGE_COMMITTED;
    }
    advance(rollout, child);
    look_at_all(rollout);
    weigh_refusal(rollout);
    return true;
}

void rollout_destroy(struct rollout *rollout)
{
    release_free(rollout->current);
    release_free(rollout->next);
}
