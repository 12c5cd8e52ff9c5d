#include "proxy/crypto/signing_remote.h"

#include <stdint.h>
#include <string.h>

#include "proxy/base/list.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/signing_wire.h"

/* An id is the request's place and how often that was used, so that an answer to a
 * withdrawn request has no effect. */
static struct place {
    struct operation *operation; /* NULL: free, or withdrawn since */
    uint32_t id;
} places[SIGNING_REMOTE_MAX];
static unsigned free_places[SIGNING_REMOTE_MAX], free_count; /* counts only places that
                                                              * were used before */
static unsigned used_ever;

static struct list unsent[2] = {{&unsent[0], &unsent[0]}, {&unsent[1], &unsent[1]}};
static size_t pending, urgent_pending;
static bool came;

/* SIGNING_REMOTE_MAX: all are taken. */
static unsigned free_place(void)
{
    if (free_count > 0)
        return free_places[--free_count];
    if (used_ever == SIGNING_REMOTE_MAX)
        return SIGNING_REMOTE_MAX;
    places[used_ever].id = used_ever;
    return used_ever++;
}

static void give_back(unsigned place)
{
    places[place].operation = NULL;
    places[place].id += SIGNING_REMOTE_MAX;
    free_places[free_count++] = place;
}

void signing_remote_submit(struct operation *operation)
{
    operation->done = false;
    operation->place = -1;
    list_append(&unsent[!operation->urgent], &operation->waiting);
    pending++;
    urgent_pending += operation->urgent;
}

static void end(struct operation *operation)
{
    pending--;
    urgent_pending -= operation->urgent;
}

void signing_remote_withdraw(struct operation *operation)
{
    if (operation->place >= 0)
        give_back((unsigned)operation->place);
    else
        list_remove(&operation->waiting);
    end(operation);
}

static bool send_one(struct signing_writer *w, struct operation *operation)
{
    const struct signing_job *job = &operation->job.signing;
    unsigned place = free_place();

    if (place == SIGNING_REMOTE_MAX)
        return false;
    const struct signing_ask ask = {.key = job->key->remote,
        .id = places[place].id,
        .scheme = job->scheme,
        .urgent = operation->urgent,
        .input = job->input,
        .input_len = job->input_len};
    if (!signing_put_ask(w, &ask)) {
        give_back(place);
        return false;
    }
    places[place].operation = operation;
    operation->place = (int)place;
    list_remove(&operation->waiting);
    return true;
}

void signing_remote_take(struct signing_writer *w)
{
    for (size_t i = 0; i < 2; i++) {
        while (!list_empty(&unsent[i]) &&
            send_one(w, container_of(unsent[i].next, struct operation, waiting)))
            ;
    }
}

static void wait_again(unsigned place)
{
    struct operation *operation = places[place].operation;

    if (operation == NULL)
        return;
    give_back(place);
    operation->place = -1;
    list_append(&unsent[!operation->urgent], &operation->waiting);
}

void signing_remote_not_sent(const struct signing_writer *w)
{
    struct signing_reader r = {.left = {(const void *)w->bytes, w->len}};
    struct signing_ask ask;

    while (signing_get_ask(&r, &ask))
        wait_again(ask.id % SIGNING_REMOTE_MAX);
}

void signing_remote_ask_again(void)
{
    for (unsigned i = 0; i < used_ever; i++)
        wait_again(i);
}

bool signing_remote_has_unsent(void)
{
    return !list_empty(&unsent[0]) || !list_empty(&unsent[1]);
}

static bool is_costly(const struct signing_key *key)
{
    return key->curve == &key_exchange_groups[KEY_EXCHANGE_P384] ||
        strcmp(key->type, "RSA") == 0;
}

size_t signing_remote_unsent_costly(void)
{
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        for (const struct list *node = unsent[i].next;
             node != &unsent[i] && count < LANES; node = node->next)
            count +=
                is_costly(container_of(node, struct operation, waiting)->job.signing.key);
    }
    return count;
}

size_t signing_remote_pending(bool urgent_only)
{
    return urgent_only ? urgent_pending : pending;
}

static void take_answer(const struct signing_answer *answer)
{
    unsigned place = answer->id % SIGNING_REMOTE_MAX;
    struct operation *operation = places[place].operation;
    struct signing_job *job;

    if (operation == NULL || places[place].id != answer->id)
        return;
    give_back(place);
    operation->place = -1;
    end(operation);
    job = &operation->job.signing;
    job->ok = answer->len > 0 && answer->len <= SIGNATURE_MAX;
    job->signature_len = job->ok ? answer->len : 0;
    if (job->ok)
        memcpy(job->signature, answer->signature, answer->len);
    operation->done = true;
    came = true;
    if (operation->told != NULL)
        operation->told(operation);
}

bool signing_remote_answered(const void *bytes, size_t len)
{
    struct signing_reader r = {.left = {(const void *)bytes, len}};
    struct signing_answer answer;

    while (signing_get_answer(&r, &answer))
        take_answer(&answer);
    return !r.failed;
}

bool signing_remote_came(void)
{
    bool result = came;

    came = false;
    return result;
}
