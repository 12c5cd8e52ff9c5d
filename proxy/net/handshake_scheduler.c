#include "proxy/net/handshake_scheduler.h"

enum {
    US = 1000, /* ns */
    MS = 1000 * US,
    SLICE = 300 * US, /* of one class, before others are looked at */
    SHORT_SLICE = 100 * US, /* after a batch */
    RECENTLY = 2 * MS, /* since verified clients were last served */
    STARVED = 20 * MS, /* without one step of an unverified client's handshake */
    HOLD = 8 * MS, /* operations of unverified clients may be held back this long */
    UNDER_WAY = 10 * MS, /* a client that was not heard for longer may stay silent */
    MANY_PENDING = 64, /* handshakes that await their peers */
    BATCH_FULL = 8, /* operations */
    GATHER_ITERATIONS = 2, /* iterations in a row in which a batch may wait for more */
    GATHER_ITERATIONS_HELLOS = 8, /* the same while ClientHellos wait that will bring
                                   * more */
    LOWEST_PRIORITY_EVERY = 8, /* one ClientHello in so many is of the last class */
};

static uint64_t now_of(const struct handshake_scheduler *hs)
{
    return hs->environment->now();
}

/* ---- states of a handshake ---- */

static struct scheduled_handshake *of_link(const struct list *link)
{
    return container_of(link, struct scheduled_handshake, link);
}

static void leave(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    if (h->waits == HANDSHAKE_AWAITS_PEER)
        hs->awaiting_peer_count--;
    if (h->waits != HANDSHAKE_IS_RUNNING)
        list_remove(&h->link);
    h->waits = HANDSHAKE_IS_RUNNING;
}

static void enter(struct handshake_scheduler *hs, struct scheduled_handshake *h,
    enum handshake_wait waits, struct list *list)
{
    leave(hs, h);
    h->waits = (uint8_t)waits;
    list_append(list, &h->link);
    if (waits == HANDSHAKE_AWAITS_PEER)
        hs->awaiting_peer_count++;
}

static struct scheduled_handshake *take(struct handshake_scheduler *hs, struct list *list)
{
    struct scheduled_handshake *h;

    if (list_empty(list))
        return NULL;
    h = of_link(list->next);
    leave(hs, h);
    return h;
}

void handshake_scheduler_init(
    struct handshake_scheduler *hs, const struct handshake_environment *environment)
{
    *hs = (struct handshake_scheduler){.environment = environment};
    for (unsigned priority = 0; priority < HANDSHAKE_PRIORITIES; priority++)
        list_init(&hs->hellos[priority]);
    list_init(&hs->answered);
    list_init(&hs->keys_ready);
    list_init(&hs->awaiting_keys);
    list_init(&hs->awaiting_peer);
}

void handshake_accepted(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    *h = (struct scheduled_handshake){.peer_awaited_since = now_of(hs)};
    handshake_awaits_peer(hs, h);
}

void handshake_awaits_peer(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    if (h->waits == HANDSHAKE_IS_RUNNING)
        enter(hs, h, HANDSHAKE_AWAITS_PEER, &hs->awaiting_peer);
}

void handshake_is_ready(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    if (!handshake_may_read(h))
        return;
    h->ready_at = now_of(hs);
    enter(hs, h, HANDSHAKE_AWAITS_CPU,
        h->answered ? &hs->answered : &hs->hellos[h->priority]);
}

static bool is_verified(const struct scheduled_handshake *h)
{
    return h->priority == 0 || h->answered;
}

/* Its key operation is done. */
static void enter_with_keys(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    h->ready_at = now_of(hs);
    enter(hs, h, HANDSHAKE_AWAITS_CPU, is_verified(h) ? &hs->answered : &hs->keys_ready);
}

void handshake_awaits_keys(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    if (hs->environment->keys_are_ready(h))
        enter_with_keys(hs, h);
    else
        enter(hs, h, HANDSHAKE_AWAITS_KEYS, &hs->awaiting_keys);
}

void handshake_answered(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    h->answered = true;
    h->peer_awaited_since = now_of(hs);
}

void handshake_completed(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    leave(hs, h);
    if (!h->completed)
        fingerprints_count(&hs->fingerprints, h->fingerprint, true);
    h->completed = true;
}

void handshake_over(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    leave(hs, h);
    if (h->answered && !h->completed) /* else it did not get the CPU */
        fingerprints_count(&hs->fingerprints, h->fingerprint, false);
    h->completed = true;
}

void handshake_stops_awaiting_peer(
    struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    if (h->waits == HANDSHAKE_AWAITS_PEER)
        leave(hs, h);
}

void handshake_recognise(struct handshake_scheduler *hs, struct scheduled_handshake *h,
    const unsigned char *bytes, size_t len)
{
    h->fingerprint = (uint16_t)fingerprint_of(bytes, len);
    if (fingerprints_complete(&hs->fingerprints, h->fingerprint))
        h->priority = 0;
}

bool handshake_may_read(const struct scheduled_handshake *h)
{
    return h->waits == HANDSHAKE_IS_RUNNING || h->waits == HANDSHAKE_AWAITS_PEER;
}

/* ---- the CPU budget of unverified clients ---- */

static bool recently_served(const struct handshake_scheduler *hs)
{
    return now_of(hs) - hs->served_at < RECENTLY;
}

void handshake_scheduler_served(struct handshake_scheduler *hs)
{
    hs->serving = true;
}

/* Time spent on unverified clients must be spent on verified ones next. A small charge
 * does not shorten a larger one. */
void cpu_budget_charge(struct handshake_scheduler *hs, uint64_t began)
{
    uint64_t now = now_of(hs), until = now + (now - began);

    if (until > hs->budget_exhausted_until)
        hs->budget_exhausted_until = until;
}

bool cpu_budget_exhausted(const struct handshake_scheduler *hs)
{
    return now_of(hs) < hs->budget_exhausted_until && recently_served(hs);
}

/* Includes the starvation guard, because accepting alone may use up all of their time. */
static bool unverified_may_proceed(const struct handshake_scheduler *hs)
{
    return !cpu_budget_exhausted(hs) || now_of(hs) - hs->unverified_ran_at >= STARVED;
}

/* ---- the next handshake ---- */

static bool verified_wait(const struct handshake_scheduler *hs)
{
    return !list_empty(&hs->answered) || !list_empty(&hs->hellos[0]);
}

static bool unverified_wait(const struct handshake_scheduler *hs)
{
    for (unsigned priority = 1; priority < HANDSHAKE_PRIORITIES; priority++)
        if (!list_empty(&hs->hellos[priority]))
            return true;
    return !list_empty(&hs->keys_ready);
}

static bool batch_is_full(const struct handshake_scheduler *hs, bool urgent_only)
{
    return hs->environment->fullest_batch(urgent_only) >= BATCH_FULL;
}

/* An answered handshake has already cost us its key operations, so it goes before new
 * ones. A ClientHello does not wait for keys behind earlier ones of lower priority. */
static struct scheduled_handshake *next_verified(struct handshake_scheduler *hs)
{
    struct scheduled_handshake *h = take(hs, &hs->answered);

    return h == NULL && !batch_is_full(hs, true) ? take(hs, &hs->hellos[0]) : h;
}

static struct scheduled_handshake *next_unverified(struct handshake_scheduler *hs)
{
    struct scheduled_handshake *h = take(hs, &hs->keys_ready);

    if (h != NULL || batch_is_full(hs, false) || hs->environment->signer_is_busy())
        return h;
    bool last_first = ++hs->picks % LOWEST_PRIORITY_EVERY == 0;
    for (unsigned priority = 1; priority < HANDSHAKE_PRIORITIES && h == NULL; priority++)
        h = take(
            hs, &hs->hellos[last_first ? HANDSHAKE_PRIORITIES - priority : priority]);
    return h;
}

static void run_one(struct handshake_scheduler *hs, struct scheduled_handshake *h)
{
    hs->environment->run(h, is_verified(h));
}

static void run_verified(struct handshake_scheduler *hs, uint64_t slice)
{
    struct scheduled_handshake *h = next_verified(hs);

    if (h == NULL)
        return;
    uint64_t stop = now_of(hs) + slice;
    hs->serving = true;
    do {
        run_one(hs, h);
    } while (now_of(hs) < stop && (h = next_verified(hs)) != NULL);
}

static void run_unverified(struct handshake_scheduler *hs, uint64_t slice)
{
    struct scheduled_handshake *h;

    if (!unverified_wait(hs))
        return;
    uint64_t stop = now_of(hs) + slice;
    while (unverified_may_proceed(hs) && now_of(hs) < stop &&
        (h = next_unverified(hs)) != NULL) {
        uint64_t began = now_of(hs);

        run_one(hs, h);
        cpu_budget_charge(hs, began);
        hs->unverified_ran_at = now_of(hs);
    }
}

/* ---- batches ---- */

/* A batch costs the same with one operation as with eight. While events come in, more
 * operations may be on their way, and another look at the sockets without waiting costs
 * almost nothing. An iteration without events runs the operations there are. */
static bool gather(struct handshake_scheduler *hs, bool quiet)
{
    const struct handshake_environment *environment = hs->environment;
    bool more =
        verified_wait(hs) || (unverified_wait(hs) && environment->operations(true) == 0);
    unsigned iterations = more ? GATHER_ITERATIONS_HELLOS : quiet ? 0 : GATHER_ITERATIONS;

    if (environment->operations(false) == 0 || batch_is_full(hs, false) ||
        hs->gathered >= iterations) {
        hs->gathered = 0;
        return false;
    }
    hs->gathered++;
    return true;
}

/* Where many handshakes await their peers, most work for unverified clients is in vain.
 * It is done as cheaply as possible while there are verified clients that it would
 * delay. */
static bool hold(struct handshake_scheduler *hs)
{
    if (hs->environment->operations(false) == 0 || batch_is_full(hs, false) ||
        hs->awaiting_peer_count < MANY_PENDING || !recently_served(hs)) {
        hs->hold_until = 0;
        return false;
    }
    if (hs->hold_until == 0)
        hs->hold_until = now_of(hs) + HOLD;
    else if (now_of(hs) >= hs->hold_until)
        hs->hold_until = 0;
    return hs->hold_until != 0;
}

static bool expects_more(const struct handshake_scheduler *hs)
{
    return !list_empty(&hs->awaiting_peer) &&
        now_of(hs) - of_link(hs->awaiting_peer.prev)->peer_awaited_since < UNDER_WAY;
}

/* Fewer operations than fill a batch wait for those of other handshakes. One handshake
 * alone never waits: there is nobody to wait for. */
static void decide_to_hold(struct handshake_scheduler *hs)
{
    size_t costly = hs->batch_hold > 0 ? hs->environment->costly() : 0;

    hs->holds = false;
    if (costly == 0 || costly >= BATCH_FULL || !expects_more(hs)) {
        hs->held_until = 0;
        return;
    }
    if (hs->held_until == 0)
        hs->held_until = now_of(hs) + hs->batch_hold;
    hs->holds = now_of(hs) < hs->held_until;
}

static void sort_by_keys(struct handshake_scheduler *hs)
{
    struct list *next, *node;

    for (node = hs->awaiting_keys.next; node != &hs->awaiting_keys; node = next) {
        struct scheduled_handshake *h = of_link(node);

        next = node->next;
        if (hs->environment->keys_are_ready(h))
            enter_with_keys(hs, h);
    }
}

/* Returns whether any ran. */
static bool run_batches(struct handshake_scheduler *hs, bool quiet)
{
    bool urgent = hs->environment->operations(true) > 0, held = hold(hs);

    if (!urgent && (held || !unverified_may_proceed(hs)))
        return false;
    if (gather(hs, quiet))
        return false;
    uint64_t began = now_of(hs);
    hs->environment->run_batch(held);
    if (!urgent)
        cpu_budget_charge(hs, began);
    return true;
}

void handshake_scheduler_run(struct handshake_scheduler *hs, bool quiet)
{
    if (hs->environment->signatures_came())
        sort_by_keys(hs);
    run_verified(hs, SLICE);
    if (hs->serving)
        hs->served_at = now_of(hs);
    run_unverified(hs, SLICE);
    decide_to_hold(hs);
    if (!hs->holds && hs->environment->operations(false) == 0)
        hs->held_until = 0; /* the requests to the signer leave now */
    if (!hs->holds && hs->environment->operations(false) > 0 && run_batches(hs, quiet)) {
        hs->held_until = 0;
        sort_by_keys(hs);
        run_verified(hs, SHORT_SLICE);
        run_unverified(hs, SHORT_SLICE);
    }
    hs->serving = false;
}

uint64_t handshake_scheduler_wait(const struct handshake_scheduler *hs)
{
    if (verified_wait(hs) || unverified_wait(hs))
        return 0;
    if (hs->environment->operations(false) == 0 || hs->holds)
        return UINT64_MAX; /* the signer's answer is an event; see the next function */
    if (hs->hold_until == 0 || hs->environment->operations(true) > 0)
        return 0;
    return hs->hold_until > now_of(hs) ? (hs->hold_until - now_of(hs)) / MS + 1 : 0;
}

uint64_t handshake_scheduler_held(const struct handshake_scheduler *hs)
{
    uint64_t now;

    if (!hs->holds)
        return 0;
    now = now_of(hs);
    return hs->held_until > now ? hs->held_until - now : 1;
}

/* ---- candidates for shedding ---- */

struct scheduled_handshake *handshake_next_awaiting_peer(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h)
{
    const struct list *next = h != NULL ? h->link.next : hs->awaiting_peer.next;

    return next != &hs->awaiting_peer ? of_link(next) : NULL;
}

uint64_t handshake_awaiting_peer_ms(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h)
{
    return (now_of(hs) - h->peer_awaited_since) / MS;
}

uint64_t handshake_longest_wait_ms(
    const struct handshake_scheduler *hs, unsigned priorities)
{
    uint64_t now = now_of(hs), since = now;

    for (unsigned priority = 0; priority < priorities; priority++) {
        const struct list *hellos = &hs->hellos[priority];

        if (!list_empty(hellos) && of_link(hellos->next)->ready_at < since)
            since = of_link(hellos->next)->ready_at;
    }
    return (now - since) / MS;
}

struct scheduled_handshake *handshake_lowest_priority(
    const struct handshake_scheduler *hs)
{
    for (unsigned priority = HANDSHAKE_PRIORITIES - 1; priority > 0; priority--)
        if (!list_empty(&hs->hellos[priority]))
            return of_link(hs->hellos[priority].next);
    return NULL;
}
