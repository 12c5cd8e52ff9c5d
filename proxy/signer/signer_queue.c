#include "proxy/signer/signer_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/signing_wire.h"
#include "proxy/ipc/signing_stats.h"
#include "proxy/signer/signer_keys.h"

enum {
    QUOTA = 512, /* requests of one worker that may wait here */
    BATCH = 16, /* two of eight lanes */
    SLICE = 300 * 1000, /* ns; after that, urgent requests are looked for and answers are
                         * sent */
    ERROR_REST = 1, /* ms */
    SECONDS = 8, /* the rate is an average over most of them */
};

struct request {
    struct list link;
    uint64_t key;
    uint32_t id;
    uint16_t scheme;
    uint16_t input_len;
    unsigned char input[SIGNING_INPUT_MAX];
};

struct requester {
    struct list link;
    int fd;
    uint32_t slot;
    bool blocked; /* answers wait for room in the socket */
    bool over_quota;
    struct list urgent, others, unused; /* struct request */
    uint32_t queued;
    uint64_t signatures, refused, times_over_quota;
    struct signing_writer answers;
    struct request room[QUOTA];
};

static struct list requesters = {&requesters, &requesters};
static uint32_t queued, queued_peak;
static uint64_t signatures, refused;
static struct {
    uint64_t second;
    uint32_t count;
} rate[SECONDS];

static struct requester *requester_at(struct list *node)
{
    return container_of(node, struct requester, link);
}

static struct request *take_request(struct list *list)
{
    struct list *node = list_take(list);

    return node != NULL ? container_of(node, struct request, link) : NULL;
}

static void remove_requester(struct requester *r)
{
    list_remove(&r->link);
    queued -= r->queued;
    close(r->fd);
    free(r);
}

static struct requester *find_requester(uint32_t slot)
{
    for (struct list *node = requesters.next; node != &requesters; node = node->next) {
        if (requester_at(node)->slot == slot)
            return requester_at(node);
    }
    return NULL;
}

void signer_queue_add(uint32_t slot, int fd)
{
    struct requester *r = find_requester(slot);

    if (r != NULL)
        remove_requester(r);
    r = memory_new(sizeof(*r));
    r->fd = fd;
    r->slot = slot;
    list_init(&r->urgent);
    list_init(&r->others);
    list_init(&r->unused);
    for (size_t i = 0; i < QUOTA; i++) {
        list_init(&r->room[i].link);
        list_append(&r->unused, &r->room[i].link);
    }
    list_append(&requesters, &r->link);
}

/* A datagram is read only when there is room for all requests it can hold. */
static bool has_room(struct requester *r)
{
    bool over = r->queued > QUOTA - SIGNING_ASKS_MAX;

    r->times_over_quota += over && !r->over_quota;
    r->over_quota = over;
    return !over;
}

size_t signer_queue_poll(struct pollfd *polls, size_t capacity)
{
    size_t count = 0;

    for (struct list *node = requesters.next; node != &requesters && count < capacity;
         node = node->next) {
        struct requester *r = requester_at(node);

        polls[count++] = (struct pollfd){.fd = r->fd,
            .events = (short)((r->blocked ? POLLOUT : 0) |
                (!r->blocked && has_room(r) ? POLLIN : 0))};
    }
    return count;
}

static void enqueue(struct requester *r, const struct signing_ask *ask)
{
    struct request *request = take_request(&r->unused);

    assert(request != NULL); /* see has_room() */
    request->key = ask->key;
    request->id = ask->id;
    request->scheme = ask->scheme;
    request->input_len = (uint16_t)ask->input_len;
    memcpy(request->input, ask->input, ask->input_len);
    list_append(ask->urgent ? &r->urgent : &r->others, &request->link);
    r->queued++;
    if (++queued > queued_peak)
        queued_peak = queued;
}

/* poll() cannot wait for the end of a shortage of memory. It tells a worker's end, so an
 * error of one call is never taken for that: the worker would get no signature any
 * more. */
static void rest_after(int error)
{
    if (error != EAGAIN && error != EINTR)
        (void)poll(NULL, 0, ERROR_REST);
}

/* False: the worker has hung up, or sends no valid requests. */
static bool read_datagram(struct requester *r, bool *misbehaves)
{
    static unsigned char bytes[SIGNING_DATAGRAM_MAX];
    ssize_t len = recv(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
    struct signing_reader reader = {.left = {(const void *)bytes, (size_t)len}};
    struct signing_ask ask;
    unsigned count = 0;

    if (len < 0)
        rest_after(errno);
    if (len < 0)
        return true;
    if (len == 0)
        return false;
    *misbehaves = len > (ssize_t)sizeof(bytes);
    while (!*misbehaves && signing_get_ask(&reader, &ask)) {
        *misbehaves = ++count > SIGNING_ASKS_MAX;
        if (!*misbehaves)
            enqueue(r, &ask);
    }
    *misbehaves |= reader.failed;
    return !*misbehaves;
}

static void flush(struct requester *r)
{
    r->blocked = false;
    if (r->answers.count == 0)
        return;
    if (send(r->fd, r->answers.bytes, r->answers.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        rest_after(errno);
        r->blocked = true;
        return;
    }
    r->answers.len = r->answers.count = 0;
}

void signer_queue_read(
    const struct pollfd *polls, size_t count, void (*misbehaved)(uint32_t slot))
{
    struct list *node = requesters.next, *next;

    for (size_t i = 0; i < count; i++, node = next) {
        struct requester *r = requester_at(node);
        bool misbehaves = false, stays = true;

        next = node->next;
        if ((polls[i].revents & POLLOUT) != 0)
            flush(r);
        if ((polls[i].revents & POLLIN) != 0)
            stays = read_datagram(r, &misbehaves);
        else if ((polls[i].revents & (POLLHUP | POLLERR)) != 0)
            stays = false;
        if (misbehaves)
            misbehaved(r->slot);
        if (!stays)
            remove_requester(r);
    }
}

/* Returns a request of the next worker that has any: each gives one in turn, its most
 * urgent. */
static struct request *next_request(struct requester **from)
{
    struct list *node = requesters.next;

    for (; node != &requesters; node = node->next) {
        struct requester *r = requester_at(node);
        struct request *request = NULL;

        if (!r->blocked && r->queued > 0) {
            request = take_request(&r->urgent);
            if (request == NULL)
                request = take_request(&r->others);
        }
        if (request == NULL)
            continue;
        r->queued--;
        queued--;
        list_remove(node);
        list_append(&requesters, node);
        *from = r;
        return request;
    }
    return NULL;
}

static void count_signature(struct requester *r, bool made)
{
    uint64_t second = (uint64_t)clock_now_ns() / 1000000000;
    size_t at = second % SECONDS;

    r->signatures += made;
    r->refused += !made;
    signatures += made;
    refused += !made;
    if (rate[at].second != second) {
        rate[at].second = second;
        rate[at].count = 0;
    }
    rate[at].count += made;
}

struct job {
    struct requester *from;
    struct request *request;
    struct signer_task task;
    bool waits;
};

static void finish(struct job *job)
{
    const struct signing_answer answer = {.id = job->request->id,
        .signature = job->task.signature,
        .len = job->task.signature_len};

    if (!signing_put_answer(&job->from->answers, &answer)) {
        flush(job->from);
        (void)signing_put_answer(&job->from->answers, &answer);
    }
    count_signature(job->from, answer.len > 0);
    list_append(&job->from->unused, &job->request->link);
}

void signer_queue_serve(void)
{
    static struct job jobs[BATCH];
    const uint64_t stop = (uint64_t)clock_now_ns() + SLICE;
    size_t count = 0;

    while (count < BATCH && (uint64_t)clock_now_ns() < stop) {
        struct job *job = &jobs[count];

        job->request = next_request(&job->from);
        if (job->request == NULL)
            break;
        job->task.key = job->request->key;
        job->task.scheme = job->request->scheme;
        job->task.input = job->request->input;
        job->task.input_len = job->request->input_len;
        job->waits = !signer_keys_begin(&job->task);
        count++;
    }
    while (operations_waiting() > 0)
        (void)operations_run(false);
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].waits)
            signer_keys_end(&jobs[i].task);
        finish(&jobs[i]);
    }
    for (struct list *node = requesters.next; node != &requesters; node = node->next) {
        if (!requester_at(node)->blocked)
            flush(requester_at(node));
    }
}

bool signer_queue_has_work(void)
{
    for (struct list *node = requesters.next; node != &requesters; node = node->next) {
        if (requester_at(node)->queued > 0 && !requester_at(node)->blocked)
            return true;
    }
    return false;
}

bool signer_queue_is_alone(void)
{
    return list_empty(&requesters);
}

static uint32_t per_second(void)
{
    uint64_t now = (uint64_t)clock_now_ns() / 1000000000;
    uint32_t sum = 0;

    for (size_t i = 0; i < SECONDS; i++) {
        if (rate[i].second < now && now - rate[i].second <= SECONDS - 2)
            sum += rate[i].count;
    }
    return sum / (SECONDS - 2);
}

void signer_queue_stats(struct signing_stats *stats)
{
    stats->signatures = signatures;
    stats->refused = refused;
    stats->per_second = per_second();
    stats->queued = queued;
    stats->queued_peak = queued_peak;
    stats->lanes_offered = operations_lanes().offered;
    stats->lanes_used = operations_lanes().used;
    stats->worker_count = 0;
    for (struct list *node = requesters.next;
         node != &requesters && stats->worker_count < SIGNING_WORKERS_MAX;
         node = node->next) {
        const struct requester *r = requester_at(node);

        stats->workers[stats->worker_count++] =
            (struct signing_worker_stats){.slot = r->slot,
                .queued = r->queued,
                .signatures = r->signatures,
                .refused = r->refused,
                .over_quota = r->times_over_quota};
    }
}

void signer_queue_destroy(void)
{
    for (struct list *node = requesters.next, *next; node != &requesters; node = next) {
        next = node->next;
        remove_requester(requester_at(node));
    }
}
