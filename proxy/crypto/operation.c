#include "proxy/crypto/operation.h"

#include <assert.h>

#include <openssl/async.h>
#include <openssl/ssl.h>

#include "proxy/crypto/signing_remote.h"

/* For each kind, from how many operations on a batch by crypto_mb is used, if it is
 * there. A batch costs the same with one lane in use as with eight, so below `batch_from`
 * one by one is cheaper. Measured alone against a batch, in us, on a 2.6 GHz server core:
 * P-384 derive 145/410 (by OpenSSL 525), P-256 derive 44/89, RSA 2048 290/640, 3072
 * 1500/3300, 4096 3400/5700, P-384 sign 550/150, P-256 sign 22/37. */
enum alone { BY_OPENSSL, BY_US };
enum { NEVER = LANES + 1 };
static const struct kind {
    size_t batch_from;
    enum alone alone;
} kinds[OPERATION_KINDS] = {
    [OPERATION_P384_DERIVE] = {3, BY_US},
    [OPERATION_P256_DERIVE] = {2, BY_OPENSSL},
    [OPERATION_X25519_DERIVE] = {NEVER, BY_OPENSSL}, /* crypto_mb's is wrong near 2^255 */
    [OPERATION_RSA_2048] = {3, BY_OPENSSL},
    [OPERATION_RSA_3072] = {3, BY_OPENSSL},
    [OPERATION_RSA_4096] = {2, BY_OPENSSL},
    [OPERATION_P384_SIGN] = {1, BY_OPENSSL},
    [OPERATION_P256_SIGN] = {2, BY_OPENSSL},
};

enum { FULL_IN_A_ROW = 4 }; /* full batches; after so many the others run once */

static const struct multibuffer *library;
static struct queue {
    struct list list;
    size_t len, urgent; /* the first so many are urgent */
} queues[OPERATION_KINDS];
static size_t waiting, urgents, paused, paused_peak;
static struct batch_lanes lanes;
/* The session whose job runs: OpenSSL passes a job no argument of ours. */
static struct {
    bool urgent, gives_up;
} session;

void operations_start(const struct multibuffer *multibuffer)
{
    library = multibuffer;
    for (size_t kind = 0; kind < OPERATION_KINDS; kind++)
        list_init(&queues[kind].list);
}

bool operation_is_ours(enum operation_kind kind)
{
    return kinds[kind].alone == BY_US ||
        (library != NULL && kinds[kind].batch_from != NEVER);
}

static bool make_batch(enum operation_kind kind, size_t count)
{
    if (library == NULL || count < kinds[kind].batch_from)
        return false;
    lanes.offered += LANES;
    lanes.used += count;
    return true;
}

static bool is_exchange(enum operation_kind kind)
{
    return kind <= OPERATION_X25519_DERIVE;
}

static void derive(struct operation *const batch[], size_t count)
{
    const struct key_exchange_group *group = &key_exchange_groups[batch[0]->kind];
    struct key_exchange_job jobs[LANES];

    for (size_t i = 0; i < count; i++)
        jobs[i] = batch[i]->job.exchange;
    if (make_batch(batch[0]->kind, count)) {
        key_exchange_derive(library, group, jobs, count);
    } else {
        for (size_t i = 0; i < count; i++)
            key_exchange_derive_alone(group, &jobs[i]);
    }
    for (size_t i = 0; i < count; i++)
        batch[i]->job.exchange.ok = jobs[i].ok;
}

static void sign(struct operation *const batch[], size_t count)
{
    struct signing_job jobs[LANES];

    for (size_t i = 0; i < count; i++)
        jobs[i] = batch[i]->job.signing;
    if (!make_batch(batch[0]->kind, count)) {
        for (size_t i = 0; i < count; i++)
            signing_alone(&jobs[i]);
    } else if (batch[0]->kind <= OPERATION_RSA_4096) {
        signing_rsa(jobs, count);
    } else {
        signing_ecdsa(jobs, count);
    }
    for (size_t i = 0; i < count; i++)
        batch[i]->job.signing = jobs[i];
}

/* Calls the function that the session has set by SSL_set_async_callback(). */
static void tell_session(struct operation *operation)
{
    ASYNC_callback_fn callback = NULL;
    void *argument = NULL;

    if (ASYNC_WAIT_CTX_get_callback(operation->owner, &callback, &argument) == 1 &&
        callback != NULL)
        (void)callback(argument);
}

static void run(struct operation *const batch[], size_t count)
{
    if (is_exchange(batch[0]->kind))
        derive(batch, count);
    else
        sign(batch, count);
    for (size_t i = 0; i < count; i++) {
        batch[i]->done = true;
        if (batch[i]->told != NULL)
            batch[i]->told(batch[i]);
    }
}

static void enqueue(struct operation *operation, bool urgent)
{
    struct queue *queue = &queues[operation->kind];
    struct list *next = &queue->list;

    operation->done = false;
    operation->urgent = urgent;
    if (operation->kind == OPERATION_REMOTE_SIGN) {
        signing_remote_submit(operation);
        return;
    }
    if (urgent) {
        for (size_t i = 0; i <= queue->urgent; i++)
            next = next->next;
        queue->urgent++;
        urgents++;
    }
    list_append(next, &operation->waiting);
    queue->len++;
    waiting++;
}

static void dequeue(struct operation *operation)
{
    struct queue *queue = &queues[operation->kind];

    list_remove(&operation->waiting);
    queue->urgent -= operation->urgent;
    urgents -= operation->urgent;
    queue->len--;
    waiting--;
}

void operation_withdraw(struct operation *operation)
{
    if (operation->done)
        return;
    if (operation->kind == OPERATION_REMOTE_SIGN)
        signing_remote_withdraw(operation);
    else if (!list_empty(&operation->waiting))
        dequeue(operation);
}

static void give_up(struct operation *operation)
{
    if (operation->done)
        return;
    operation_withdraw(operation);
    operation->done = true;
    if (is_exchange(operation->kind))
        operation->job.exchange.ok = false;
    else
        operation->job.signing.ok = false;
}

/* More bytes may have come, and the session was called before its operation is done: it
 * pauses again. */
static void await(struct operation *operation, ASYNC_JOB *job)
{
    operation->owner = ASYNC_get_wait_ctx(job);
    operation->told = operation->owner != NULL ? tell_session : NULL;
    enqueue(operation, session.urgent);
    while (!operation->done) {
        paused++;
        if (paused > paused_peak)
            paused_peak = paused;
        (void)ASYNC_pause_job();
        paused--;
        if (session.gives_up)
            give_up(operation);
    }
}

bool operation_perform(struct operation *operation)
{
    ASYNC_JOB *job = ASYNC_get_current_job();

    if (session.gives_up)
        return false;
    /* Without batches nothing would run a waiting operation, but the signer answers. */
    if (job != NULL && (library != NULL || operation->kind == OPERATION_REMOTE_SIGN)) {
        await(operation, job);
    } else if (operation->kind == OPERATION_REMOTE_SIGN) {
        return false; /* nothing could wait for it */
    } else {
        operation->told = NULL;
        run(&operation, 1);
    }
    return operation_succeeded(operation);
}

void operation_submit(struct operation *operation, bool urgent)
{
    void (*told)(struct operation *) = operation->told;

    list_init(&operation->waiting);
    if (library != NULL || operation->kind == OPERATION_REMOTE_SIGN) {
        enqueue(operation, urgent);
        return;
    }
    operation->told = NULL;
    run(&operation, 1);
    operation->told = told;
}

bool operation_succeeded(const struct operation *operation)
{
    return is_exchange(operation->kind) ? operation->job.exchange.ok
                                        : operation->job.signing.ok;
}

int operations_handshake(SSL *ssl, bool urgent)
{
    int result;

    session.urgent = urgent;
    result = SSL_do_handshake(ssl);
    session.urgent = false;
    return result;
}

void operations_end_handshake(SSL *ssl)
{
    session.gives_up = true;
    while (SSL_want_async(ssl) && SSL_do_handshake(ssl) != 1)
        ;
    session.gives_up = false;
}

size_t operations_urgent(void)
{
    return urgents;
}

size_t operations_fullest(bool urgent_only)
{
    size_t most = 0;

    for (size_t kind = 0; kind < OPERATION_KINDS; kind++) {
        size_t len = urgent_only ? queues[kind].urgent : queues[kind].len;
        most = len > most ? len : most;
    }
    return most;
}

size_t operations_costly(void)
{
    size_t sum = queues[OPERATION_P384_DERIVE].len + queues[OPERATION_P384_SIGN].len;

    for (size_t kind = OPERATION_RSA_2048; kind <= OPERATION_RSA_4096; kind++)
        sum += queues[kind].len;
    return sum;
}

struct batch_lanes operations_lanes(void)
{
    return lanes;
}

size_t operations_waiting(void)
{
    return waiting;
}

size_t operations_paused(void)
{
    return paused;
}

size_t operations_paused_peak(void)
{
    return paused_peak;
}

void operations_forget_peak(void)
{
    paused_peak = paused;
}

/* Runs the first `most` of the kind. */
static size_t run_kind(size_t kind, size_t most)
{
    struct operation *batch[LANES];
    size_t count = 0;

    while (count < LANES && count < most && !list_empty(&queues[kind].list)) {
        batch[count] = container_of(queues[kind].list.next, struct operation, waiting);
        dequeue(batch[count++]);
    }
    if (count > 0)
        run(batch, count);
    return count;
}

/* Runs those that derive, or those that sign. */
static bool run_some(bool sign_now, bool urgent_only)
{
    size_t kind = sign_now ? OPERATION_RSA_2048 : OPERATION_P384_DERIVE;
    size_t end = sign_now ? OPERATION_KINDS : OPERATION_RSA_2048;
    size_t count = 0;

    for (; kind < end; kind++)
        count += run_kind(kind, urgent_only ? queues[kind].urgent : LANES);
    return count > 0;
}

/* Runs the next kind that fills a batch. */
static bool run_full(void)
{
    static size_t last;

    for (size_t i = 0; i < OPERATION_KINDS; i++) {
        last = (last + 1) % OPERATION_KINDS;
        if (queues[last].len >= LANES)
            return run_kind(last, LANES) > 0;
    }
    return false;
}

size_t operations_run(bool urgent_only)
{
    static bool signed_last;
    static unsigned full;

    if (!urgent_only && full++ < FULL_IN_A_ROW && run_full())
        return waiting;
    full = 0;
    signed_last = !signed_last;
    if (!run_some(signed_last, urgent_only)) {
        signed_last = !signed_last;
        (void)run_some(signed_last, urgent_only);
    }
    return waiting;
}
