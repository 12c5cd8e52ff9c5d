#include "proxy/session/backend_condition.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/memory.h"

enum { SHARE_LEAST = CONDITION_SHARE_WHOLE / 32 };

struct backend_condition *condition_new(void)
{
    struct backend_condition *condition = memory_new(sizeof(*condition));

    condition->refs = 1;
    return condition;
}

struct backend_condition *condition_ref(struct backend_condition *condition)
{
    assert(condition->refs > 0);
    condition->refs++;
    return condition;
}

void condition_unref(struct backend_condition *condition)
{
    assert(condition->refs > 0);
    if (--condition->refs == 0)
        free(condition);
}

bool condition_is_open(const struct backend_condition *condition)
{
    return condition->verdict != CHECK_FAILING && !condition->drained;
}

/* Zero stands for "not at all". */
static uint64_t mark(uint64_t now)
{
    return now > 0 ? now : 1;
}

static void change(struct backend_condition *condition, bool is_back, uint64_t now)
{
    condition->changed = mark(now);
    condition->back_since = is_back ? mark(now) : 0;
}

static void set_reason(struct backend_condition *condition, const char *fault)
{
    snprintf(condition->reason, sizeof(condition->reason), "%s", fault);
}

/* The very first check is judged at once: otherwise requests would go to a backend that
 * is dead when the worker starts. */
static bool is_enough(
    const struct backend_condition *condition, bool passed, struct check_rules rules)
{
    return condition->verdict == CHECK_UNCHECKED ||
        condition->in_a_row >= (passed ? rules.rise : rules.fall);
}

bool condition_take_check(struct backend_condition *condition, const char *fault,
    struct check_rules rules, uint64_t now)
{
    enum check_verdict found = fault == NULL ? CHECK_PASSING : CHECK_FAILING;
    bool was_failing = condition->verdict == CHECK_FAILING;

    if (fault != NULL)
        set_reason(condition, fault);
    if (found == condition->verdict) {
        condition->in_a_row = 0;
        return false;
    }
    condition->in_a_row++;
    if (!is_enough(condition, fault == NULL, rules))
        return false;
    condition->verdict = found;
    condition->in_a_row = 0;
    if (was_failing == (found == CHECK_FAILING))
        return false;
    change(condition, fault == NULL, now);
    return true;
}

void condition_uncheck(struct backend_condition *condition, uint64_t now)
{
    if (condition->verdict == CHECK_FAILING)
        change(condition, true, now);
    condition->verdict = CHECK_UNCHECKED;
    condition->in_a_row = 0;
}

bool condition_drain(struct backend_condition *condition, bool drained, uint64_t now)
{
    if (condition->drained == drained)
        return false;
    condition->drained = drained;
    change(condition, !drained, now);
    return true;
}

void condition_went_down(
    struct backend_condition *condition, const char *fault, uint64_t now)
{
    set_reason(condition, fault);
    change(condition, false, now);
}

void condition_came_up(struct backend_condition *condition, uint64_t now)
{
    change(condition, true, now);
}

unsigned condition_share(
    struct backend_condition *condition, uint64_t slow_start, uint64_t now)
{
    uint64_t gone;

    if (condition->back_since == 0)
        return CONDITION_SHARE_WHOLE;
    gone = now > condition->back_since ? now - condition->back_since : 0;
    if (gone >= slow_start) {
        condition->back_since = 0;
        return CONDITION_SHARE_WHOLE;
    }
    gone = gone * CONDITION_SHARE_WHOLE / slow_start;
    return gone > SHARE_LEAST ? (unsigned)gone : SHARE_LEAST;
}

bool condition_takes_its_share(
    struct backend_condition *condition, uint64_t slow_start, uint64_t now)
{
    condition->credit += condition_share(condition, slow_start, now);
    if (condition->credit < CONDITION_SHARE_WHOLE)
        return false;
    condition->credit -= CONDITION_SHARE_WHOLE;
    return true;
}
