#include "proxy/session/balancer.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/base/memory.h"

struct balancer {
    struct backend_address *backends[BALANCER_BACKENDS_MAX]; /* in the order written */
    size_t count;
    uint32_t version; /* grows with each change of the list */
};

/* ---- addresses ---- */

void backend_address_ref(struct backend_address *address)
{
    assert(address->refs > 0);
    address->refs++;
}

void backend_address_unref(struct backend_address *address)
{
    if (address == NULL)
        return;
    assert(address->refs > 0);
    if (--address->refs == 0)
        free(address);
}

void backend_address_keep(struct backend_address **slot, struct backend_address *address)
{
    if (address != NULL)
        backend_address_ref(address);
    backend_address_unref(*slot);
    *slot = address;
}

const char *backend_address_text(const struct backend_address *address)
{
    return address != NULL ? address->endpoint.text : NULL;
}

static struct backend_address *address_new(
    uint32_t connect, const struct endpoint *endpoint)
{
    struct backend_address *address = memory_new(sizeof(*address));

    address->refs = 1;
    address->connect = connect;
    address->endpoint = *endpoint;
    return address;
}

struct balancer *balancer_new(void)
{
    struct balancer *balancer = memory_new(sizeof(*balancer));

    return balancer;
}

void balancer_free(struct balancer *balancer)
{
    if (balancer == NULL)
        return;
    for (size_t i = 0; i < balancer->count; i++)
        backend_address_unref(balancer->backends[i]);
    free(balancer);
}

static struct backend_address *find(
    const struct balancer *balancer, uint32_t connect, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < balancer->count; i++) {
        struct backend_address *address = balancer->backends[i];

        if (address->connect == connect && endpoint_equal(&address->endpoint, endpoint))
            return address;
    }
    return NULL;
}

static bool add(struct balancer *balancer, struct backend_address *address)
{
    if (balancer->count == BALANCER_BACKENDS_MAX) {
        backend_address_unref(address);
        return false;
    }
    balancer->backends[balancer->count++] = address;
    return true;
}

static bool add_line(struct balancer *balancer, const struct balancer *old,
    uint32_t connect, const struct endpoint *list, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        struct backend_address *known = find(old, connect, &list[i]);

        if (find(balancer, connect, &list[i]) != NULL)
            continue; /* a resolver may say an address twice */
        if (known != NULL)
            backend_address_ref(known);
        all =
            add(balancer, known != NULL ? known : address_new(connect, &list[i])) && all;
    }
    return all;
}

bool balancer_set_addresses(struct balancer *balancer, uint32_t connect,
    const struct endpoint *list, size_t count)
{
    struct balancer old = *balancer;
    bool added = false, all = true;

    balancer->count = 0;
    balancer->version++;
    for (size_t i = 0; i < old.count; i++) {
        struct backend_address *address = old.backends[i];

        if (!added && address->connect >= connect) {
            all = add_line(balancer, &old, connect, list, count) && all;
            added = true;
        }
        if (address->connect == connect)
            continue;
        backend_address_ref(address);
        all = add(balancer, address) && all;
    }
    if (!added)
        all = add_line(balancer, &old, connect, list, count) && all;
    for (size_t i = 0; i < old.count; i++)
        backend_address_unref(old.backends[i]);
    return all;
}

/* A probe or trial of the old generation tells the new one nothing: it makes its own. */
static void inherit(struct backend_address *address, const struct backend_address *from)
{
    address->health = from->health == HEALTH_UP ? HEALTH_UP : HEALTH_DOWN;
    address->fault = from->fault;
    address->retry_at = from->retry_at;
}

void balancer_inherit(struct balancer *balancer, const struct balancer *from)
{
    for (size_t i = 0; i < balancer->count; i++) {
        for (size_t k = 0; k < from->count; k++) {
            if (endpoint_equal(
                    &balancer->backends[i]->endpoint, &from->backends[k]->endpoint))
                inherit(balancer->backends[i], from->backends[k]);
        }
    }
}

size_t balancer_count(const struct balancer *balancer)
{
    return balancer->count;
}

struct backend_address *balancer_at(const struct balancer *balancer, size_t index)
{
    assert(index < balancer->count);
    return balancer->backends[index];
}

/* ---- the choice ---- */

bool balancer_is_up(const struct backend_address *address)
{
    return address->health == HEALTH_UP;
}

static bool is_due(
    const struct backend_address *address, enum backend_fault fault, uint64_t now)
{
    return address->health == HEALTH_DOWN && address->fault == fault &&
        now >= address->retry_at;
}

static bool may_serve(const struct backend_address *address, uint64_t now)
{
    return address->health == HEALTH_UP || is_due(address, FAULT_NO_REPLY, now);
}

static struct backend_address *take(struct balancer *balancer,
    struct balancer_tried *tried, size_t index, uint64_t now, bool *trial)
{
    struct backend_address *address = balancer->backends[index];

    tried->backends |= (uint64_t)1 << index;
    *trial = is_due(address, FAULT_NO_REPLY, now);
    if (*trial)
        address->health = HEALTH_TRIAL;
    return address;
}

struct backend_address *balancer_choose(
    struct balancer *balancer, struct balancer_tried *tried, uint64_t now, bool *trial)
{
    if (tried->version != balancer->version)
        *tried = (struct balancer_tried){.version = balancer->version};
    for (int last_resort = 0; last_resort < 2; last_resort++) {
        for (size_t i = 0; i < balancer->count; i++) {
            if ((tried->backends >> i & 1) == 0 &&
                (last_resort || may_serve(balancer->backends[i], now)))
                return take(balancer, tried, i, now, trial);
        }
    }
    return NULL;
}

bool balancer_has_choice(
    const struct balancer *balancer, const struct balancer_tried *tried)
{
    uint64_t backends = tried->version == balancer->version ? tried->backends : 0;

    for (size_t i = 0; i < balancer->count; i++) {
        if ((backends >> i & 1) == 0 && balancer_is_up(balancer->backends[i]))
            return true;
    }
    return false;
}

bool balancer_all_down(const struct balancer *balancer)
{
    for (size_t i = 0; i < balancer->count; i++) {
        if (balancer_is_up(balancer->backends[i]))
            return false;
    }
    return true;
}

/* While none is UP, the requests themselves try them all. */
struct backend_address *balancer_next_probe(struct balancer *balancer, uint64_t now)
{
    if (balancer_all_down(balancer))
        return NULL;
    for (size_t i = 0; i < balancer->count; i++) {
        struct backend_address *address = balancer->backends[i];

        if (!is_due(address, FAULT_NOT_CONNECTED, now))
            continue;
        address->health = HEALTH_PROBING;
        return address;
    }
    return NULL;
}

/* ---- what connections showed ---- */

static bool mark_up(struct backend_address *address)
{
    bool changed = address->health != HEALTH_UP;

    address->health = HEALTH_UP;
    return changed;
}

bool balancer_failed(struct backend_address *address, enum backend_fault fault,
    uint64_t retry_after, uint64_t now)
{
    bool changed = address->health == HEALTH_UP;

    address->health = HEALTH_DOWN;
    address->fault = fault;
    address->retry_at = now + retry_after;
    return changed;
}

/* Of a backend that closes without a reply, a connection proves nothing. */
bool balancer_connected(struct backend_address *address)
{
    return address->fault == FAULT_NOT_CONNECTED && mark_up(address);
}

bool balancer_replied(struct backend_address *address)
{
    return mark_up(address);
}

void balancer_trial_ended(struct backend_address *address, uint64_t now)
{
    if (address->health != HEALTH_TRIAL)
        return;
    address->health = HEALTH_DOWN;
    address->retry_at = now;
}
