#include "proxy/session/balancer.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/base/mix.h"

struct balancer {
    enum balance balance;
    uint64_t slow_start; /* ms */
    struct backend_address *backends[BALANCER_BACKENDS_MAX]; /* in the order written */
    size_t count;
    uint32_t version; /* changes with each change of the list */
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
    if (--address->refs > 0)
        return;
    condition_unref(address->condition);
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

/* FNV-1a */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

static struct backend_address *address_new(
    const struct balancer_line *line, const struct endpoint *endpoint)
{
    struct backend_address *address = memory_new(sizeof(*address));

    address->refs = 1;
    address->connect = line->connect;
    address->weight = line->weight;
    address->backup = line->backup;
    address->endpoint = *endpoint;
    address->hash = hash_text(endpoint->text);
    address->condition = condition_new();
    return address;
}

struct balancer *balancer_new(enum balance balance, uint64_t slow_start)
{
    struct balancer *balancer = memory_new(sizeof(*balancer));

    balancer->balance = balance;
    balancer->slow_start = slow_start;
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
    const struct balancer_line *line, const struct endpoint *list, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        struct backend_address *known = find(old, line->connect, &list[i]);

        if (find(balancer, line->connect, &list[i]) != NULL)
            continue; /* a resolver may list an address twice */
        if (known != NULL)
            backend_address_ref(known);
        all = add(balancer, known != NULL ? known : address_new(line, &list[i])) && all;
    }
    return all;
}

bool balancer_set_addresses(struct balancer *balancer, const struct balancer_line *line,
    const struct endpoint *list, size_t count)
{
    struct balancer old = *balancer;
    bool added = false, all = true;

    balancer->count = 0;
    balancer->version++;
    for (size_t i = 0; i < old.count; i++) {
        struct backend_address *address = old.backends[i];

        if (!added && address->connect >= line->connect) {
            all = add_line(balancer, &old, line, list, count) && all;
            added = true;
        }
        if (address->connect == line->connect)
            continue;
        backend_address_ref(address);
        all = add(balancer, address) && all;
    }
    if (!added)
        all = add_line(balancer, &old, line, list, count) && all;
    for (size_t i = 0; i < old.count; i++)
        backend_address_unref(old.backends[i]);
    return all;
}

/* A probe or trial of the old generation does not report to the new one, which makes its
 * own. */
static void inherit(struct backend_address *address, const struct backend_address *from)
{
    struct backend_condition *own = address->condition;

    address->condition = condition_ref(from->condition);
    condition_unref(own);
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
    return address->health == HEALTH_UP && condition_is_open(address->condition);
}

static bool is_due(
    const struct backend_address *address, enum backend_fault fault, uint64_t now)
{
    return address->health == HEALTH_DOWN && address->fault == fault &&
        now >= address->retry_at;
}

/* A tier is used while all earlier tiers are empty. */
enum tier { TIER_SERVING, TIER_BACKUP, TIER_LAST_RESORT, TIERS };

static enum tier tier_of(const struct backend_address *address, uint64_t now)
{
    if (address->health != HEALTH_UP && !is_due(address, FAULT_NO_REPLY, now))
        return TIER_LAST_RESORT;
    return address->backup ? TIER_BACKUP : TIER_SERVING;
}

/* splitmix64; other numbers would send clients to other backends after an upgrade. */
static uint64_t mix(uint64_t x)
{
    return mix64(x + 0x9e3779b97f4a7c15);
}

/* During slow_start a backend is no candidate for some of the requests; where clients
 * have their backend, for those of some clients. */
static bool takes_its_share(const struct balancer *balancer,
    const struct backend_address *address, uint64_t source, uint64_t now)
{
    if (balancer->balance == BALANCE_SOURCE)
        return mix(source ^ ~address->hash) % CONDITION_SHARE_WHOLE <
            condition_share(address->condition, balancer->slow_start, now);
    return condition_takes_its_share(address->condition, balancer->slow_start, now);
}

/* The backends to choose from, by their place in the list. */
struct candidates {
    size_t index[BALANCER_BACKENDS_MAX];
    size_t count;
};

static void gather(const struct balancer *balancer, const struct balancer_tried *tried,
    enum tier tier, uint64_t now, struct candidates *candidates)
{
    candidates->count = 0;
    for (size_t i = 0; i < balancer->count; i++) {
        if ((tried->backends >> i & 1) == 0 &&
            condition_is_open(balancer->backends[i]->condition) &&
            tier_of(balancer->backends[i], now) == tier)
            candidates->index[candidates->count++] = i;
    }
}

/* Where no candidate takes its share of this request, all of them stay. */
static void thin_out(const struct balancer *balancer, uint64_t source, uint64_t now,
    struct candidates *candidates)
{
    struct candidates left = {.count = 0};

    if (balancer->slow_start == 0 || candidates->count < 2)
        return;
    for (size_t i = 0; i < candidates->count; i++) {
        size_t index = candidates->index[i];

        if (takes_its_share(balancer, balancer->backends[index], source, now))
            left.index[left.count++] = index;
    }
    if (left.count > 0)
        *candidates = left;
}

/* Smooth weighted round robin: each backend gains its weight, the one with the most is
 * chosen and loses the sum of all weights. */
static size_t choose_by_round_robin(
    const struct balancer *balancer, const struct candidates *candidates)
{
    size_t chosen = candidates->index[0];
    int64_t total = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        struct backend_address *address = balancer->backends[candidates->index[i]];

        address->current_weight += address->weight;
        total += address->weight;
        if (address->current_weight > balancer->backends[chosen]->current_weight)
            chosen = candidates->index[i];
    }
    balancer->backends[chosen]->current_weight -= total;
    return chosen;
}

/* Compares connections per unit of weight. */
static int compare_load(const struct backend_address *a, const struct backend_address *b)
{
    uint64_t load_a = (uint64_t)a->active * b->weight;
    uint64_t load_b = (uint64_t)b->active * a->weight;

    return load_a < load_b ? -1 : load_a > load_b;
}

static size_t choose_least_busy(
    const struct balancer *balancer, const struct candidates *candidates)
{
    struct candidates least = {.count = 0};

    for (size_t i = 0; i < candidates->count; i++) {
        int order = least.count == 0
            ? -1
            : compare_load(balancer->backends[candidates->index[i]],
                  balancer->backends[least.index[0]]);

        if (order < 0)
            least.count = 0;
        if (order <= 0)
            least.index[least.count++] = candidates->index[i];
    }
    return choose_by_round_robin(balancer, &least);
}

/* A backend draws as many lots as its weight; the best one counts. */
static uint64_t best_lot(const struct backend_address *address, uint64_t source)
{
    uint64_t best = 0;

    for (uint64_t i = 0; i < address->weight; i++) {
        uint64_t lot = mix(mix(source ^ address->hash) + i);

        best = lot > best ? lot : best;
    }
    return best;
}

/* Rendezvous hashing: when a backend goes, only its own clients move. */
static size_t choose_by_source(
    const struct balancer *balancer, const struct candidates *candidates, uint64_t source)
{
    size_t chosen = candidates->index[0];
    uint64_t best = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        uint64_t lot = best_lot(balancer->backends[candidates->index[i]], source);

        if (lot > best) {
            best = lot;
            chosen = candidates->index[i];
        }
    }
    return chosen;
}

static size_t choose(const struct balancer *balancer, const struct candidates *candidates,
    enum tier tier, uint64_t source)
{
    if (tier == TIER_LAST_RESORT)
        return candidates->index[0];
    switch (balancer->balance) {
    case BALANCE_ROUNDROBIN:
        return choose_by_round_robin(balancer, candidates);
    case BALANCE_LEASTCONN:
        return choose_least_busy(balancer, candidates);
    case BALANCE_SOURCE:
        return choose_by_source(balancer, candidates, source);
    case BALANCE_FIRST:
        break;
    }
    return candidates->index[0];
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

struct backend_address *balancer_choose(struct balancer *balancer,
    struct balancer_tried *tried, uint64_t source, uint64_t now, bool *trial)
{
    struct candidates candidates;

    if (tried->version != balancer->version)
        *tried = (struct balancer_tried){.version = balancer->version};
    for (enum tier tier = TIER_SERVING; tier < TIERS; tier++) {
        gather(balancer, tried, tier, now, &candidates);
        if (candidates.count == 0)
            continue;
        if (tier != TIER_LAST_RESORT)
            thin_out(balancer, source, now, &candidates);
        return take(
            balancer, tried, choose(balancer, &candidates, tier, source), now, trial);
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

        if (!condition_is_open(address->condition) ||
            !is_due(address, FAULT_NOT_CONNECTED, now))
            continue;
        address->health = HEALTH_PROBING;
        return address;
    }
    return NULL;
}

/* ---- results of connections ---- */

static bool mark_up(struct backend_address *address, uint64_t now)
{
    bool changed = address->health != HEALTH_UP;

    address->health = HEALTH_UP;
    if (changed)
        condition_came_up(address->condition, now);
    return changed;
}

bool balancer_failed(struct backend_address *address, enum backend_fault fault,
    const char *detail, uint64_t retry_after, uint64_t now)
{
    bool changed = address->health == HEALTH_UP;

    if (changed)
        condition_went_down(address->condition, detail, now);
    address->health = HEALTH_DOWN;
    address->fault = fault;
    address->retry_at = now + retry_after;
    return changed;
}

/* For a backend that closed without a reply, a connection proves nothing. */
bool balancer_connected(struct backend_address *address, uint64_t now)
{
    return address->fault == FAULT_NOT_CONNECTED && mark_up(address, now);
}

bool balancer_replied(struct backend_address *address, uint64_t now)
{
    return mark_up(address, now);
}

void balancer_trial_ended(struct backend_address *address, uint64_t now)
{
    if (address->health != HEALTH_TRIAL)
        return;
    address->health = HEALTH_DOWN;
    address->retry_at = now;
}
