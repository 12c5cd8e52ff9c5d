/*
 * scheduler_rig.h - a handshake scheduler on a clock of the test's own, and handshakes
 * whose steps it records.
 */
#ifndef WLBPROXY_TESTS_SCHEDULER_RIG_H
#define WLBPROXY_TESTS_SCHEDULER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/net/handshake_scheduler.h"

enum { MANY = 70, ORDER_MAX = 1024, BATCH = 8 };
enum { US = 1000, MS = 1000 * US }; /* ns */

enum keys { KEYS_NOT_NEEDED, KEYS_NEEDED, KEYS_PENDING, KEYS_READY, KEYS_BY_SIGNER };

struct one {
    struct scheduled_handshake h;
    enum keys keys;
    bool urgent;
    unsigned ran;
};

static struct handshake_scheduler hs;
static struct one many[MANY], alone;
static struct one *order[ORDER_MAX]; /* the order in which they ran */
static size_t order_len;
static uint64_t now, cost; /* ns: the time, and the duration of one step */
static unsigned batches;
static bool signed_by_signer, busy, cheap;

static inline uint64_t clock_of_the_test(void)
{
    return now;
}

static inline struct one *one_of(const struct scheduled_handshake *h)
{
    return container_of(h, struct one, h);
}

/* The first step answers the ClientHello, after a key operation if `keys` says so. */
static inline void run(struct scheduled_handshake *h, bool urgent)
{
    struct one *one = one_of(h);

    assert_true(order_len < ORDER_MAX);
    order[order_len++] = one;
    one->ran++;
    now += cost;
    if (one->keys == KEYS_NEEDED) {
        one->keys = KEYS_PENDING;
        one->urgent = urgent;
        handshake_awaits_keys(&hs, h);
        return;
    }
    if (one->keys == KEYS_BY_SIGNER) {
        handshake_awaits_keys(&hs, h);
        return;
    }
    if (!h->answered)
        handshake_answered(&hs, h);
    handshake_awaits_peer(&hs, h);
}

static inline bool keys_are_ready(const struct scheduled_handshake *h)
{
    return one_of(h)->keys == KEYS_READY;
}

static inline bool is_pending(const struct one *one, bool urgent_only)
{
    return one->keys == KEYS_PENDING && (one->urgent || !urgent_only);
}

static size_t unsent; /* requests to the signer that have not left */

static inline size_t operations(bool urgent_only)
{
    size_t count = is_pending(&alone, urgent_only);

    for (int i = 0; i < MANY; i++)
        count += is_pending(&many[i], urgent_only);
    return count;
}

static inline void run_batch(bool urgent_only)
{
    size_t left = BATCH;

    batches++;
    now += cost;
    if (is_pending(&alone, urgent_only)) {
        alone.keys = KEYS_READY;
        left--;
    }
    for (int i = 0; i < MANY && left > 0; i++) {
        if (!is_pending(&many[i], urgent_only))
            continue;
        many[i].keys = KEYS_READY;
        left--;
    }
}

static inline size_t costly(void)
{
    return (cheap ? 0 : operations(false)) + unsent;
}

static inline bool signatures_came(void)
{
    bool came = signed_by_signer;

    signed_by_signer = false;
    return came;
}

static inline bool signer_is_busy(void)
{
    return busy;
}

static const struct handshake_environment environment = {clock_of_the_test, run,
    keys_are_ready, signatures_came, signer_is_busy, operations, operations, run_batch,
    costly};

static inline int start(void **state)
{
    (void)state;
    now = (uint64_t)3600 * 1000 * MS;
    cost = 100 * US;
    order_len = 0;
    batches = 0;
    signed_by_signer = busy = cheap = false;
    memset(many, 0, sizeof(many));
    memset(&alone, 0, sizeof(alone));
    handshake_scheduler_init(&hs, &environment);
    return 0;
}

static inline void accept_one(struct one *one, unsigned priority, enum keys keys)
{
    handshake_accepted(&hs, &one->h);
    one->h.priority = (uint8_t)priority;
    one->keys = keys;
}

static inline void hello(struct one *one, unsigned priority, enum keys keys)
{
    accept_one(one, priority, keys);
    handshake_is_ready(&hs, &one->h);
}

static inline void many_hellos(unsigned priority, enum keys keys)
{
    for (int i = 0; i < MANY; i++)
        hello(&many[i], priority, keys);
}

static inline void accept_many(unsigned priority)
{
    for (int i = 0; i < MANY; i++)
        accept_one(&many[i], priority, KEYS_NOT_NEEDED);
}

#define TEST(test) cmocka_unit_test_setup(test, start)

#endif
