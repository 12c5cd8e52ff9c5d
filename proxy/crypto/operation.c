#include "proxy/crypto/operation.h"

#include <assert.h>

#include <openssl/async.h>

/* Who does what. A batch by crypto_mb, where that is there, costs the same with one lane
 * in use as with eight, so below `batch_from` one by one is cheaper. From measurements:
 * alone against a batch, in us, on a 2.6 GHz server core: P-384 derive 145/410 (by
 * OpenSSL 525), P-256 derive 44/89, X25519 34/37, RSA 2048 290/640, 3072 1500/3300, 4096
 * 3400/5700, P-384 sign 550/150, P-256 sign 22/37. */
enum alone { BY_OPENSSL, BY_US, NEVER };
static const struct kind {
    size_t batch_from;
    enum alone alone;
} kinds[OPERATION_KINDS] = {
    [OPERATION_P384_DERIVE] = {3, BY_US},
    [OPERATION_P256_DERIVE] = {2, BY_OPENSSL},
    [OPERATION_X25519_DERIVE] = {1, NEVER},
    [OPERATION_RSA_2048] = {3, BY_OPENSSL},
    [OPERATION_RSA_3072] = {3, BY_OPENSSL},
    [OPERATION_RSA_4096] = {2, BY_OPENSSL},
    [OPERATION_P384_SIGN] = {1, NEVER},
    [OPERATION_P256_SIGN] = {2, BY_OPENSSL},
};

static const struct multibuffer *library;
static struct list queues[OPERATION_KINDS];
static size_t waiting, paused, paused_peak;
static bool refusing;

void operations_start(const struct multibuffer *multibuffer)
{
    library = multibuffer;
    for (size_t kind = 0; kind < OPERATION_KINDS; kind++)
        list_init(&queues[kind]);
}

bool operation_is_ours(enum operation_kind kind)
{
    return library != NULL || kinds[kind].alone == BY_US;
}

static bool make_batch(enum operation_kind kind, size_t count)
{
    return library != NULL && count >= kinds[kind].batch_from;
}

static bool is_exchange(enum operation_kind kind)
{
    return kind <= OPERATION_X25519_DERIVE;
}

static void derive(struct operation *const batch[], size_t count)
{
    const struct exchange_group *group = &exchange_groups[batch[0]->kind];
    struct exchange_job jobs[LANES];

    for (size_t i = 0; i < count; i++)
        jobs[i] = batch[i]->job.exchange;
    if (make_batch(batch[0]->kind, count)) {
        exchange_derive(library, group, jobs, count);
    } else {
        for (size_t i = 0; i < count; i++)
            exchange_derive_alone(group, &jobs[i]);
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

static void tell_session(struct operation *operation)
{
    ASYNC_callback_fn callback = NULL;
    void *argument = NULL;

    if (operation->session != NULL &&
        ASYNC_WAIT_CTX_get_callback(operation->session, &callback, &argument) == 1 &&
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
        tell_session(batch[i]);
    }
}

static void give_up(struct operation *operation)
{
    if (operation->done)
        return;
    list_remove(&operation->waiting);
    waiting--;
    operation->done = true;
    if (is_exchange(operation->kind))
        operation->job.exchange.ok = false;
    else
        operation->job.signing.ok = false;
}

/* The session may be called again before its operation is done (more bytes came): it
 * pauses again. */
static void await(struct operation *operation, ASYNC_JOB *job)
{
    operation->session = ASYNC_get_wait_ctx(job);
    operation->done = false;
    list_append(&queues[operation->kind], &operation->waiting);
    waiting++;
    while (!operation->done) {
        paused++;
        if (paused > paused_peak)
            paused_peak = paused;
        (void)ASYNC_pause_job();
        paused--;
        if (refusing)
            give_up(operation);
    }
}

bool operation_perform(struct operation *operation)
{
    ASYNC_JOB *job = ASYNC_get_current_job();

    if (refusing)
        return false;
    if (job != NULL) {
        await(operation, job);
    } else {
        operation->session = NULL;
        run(&operation, 1);
    }
    return is_exchange(operation->kind) ? operation->job.exchange.ok
                                        : operation->job.signing.ok;
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

size_t operations_run(void)
{
    for (size_t kind = 0; kind < OPERATION_KINDS; kind++) {
        struct operation *batch[LANES];
        size_t count = 0;
        struct list *node;

        while (count < LANES && (node = list_take(&queues[kind])) != NULL)
            batch[count++] = container_of(node, struct operation, waiting);
        waiting -= count;
        if (count > 0)
            run(batch, count);
    }
    return waiting;
}

void operations_refuse(bool refuse)
{
    refusing = refuse;
}
