/*
 * backend_condition.h - the state of a backend beside its connections: the verdict of
 * the health checks, an administrator's drain, and the time since it is back.
 *
 *            health_fall checks in a row fail; the first one alone
 *     PASSING ------------------------------------------------------> FAILING
 *        ^                                                               |
 *        '---------------------------------------------------------------'
 *            health_rise checks in a row pass
 *
 *     UNCHECKED, before the first check is judged, counts as PASSING.
 *
 * A backend that is FAILING or drained is closed: it gets no request, also where no other
 * is left (HAProxy and nginx do so, too). One that is back gets a share of the requests
 * that it would have, which grows until slow_start is over.
 *
 * All generations of a service share the condition of one backend: a reload neither marks
 * it up nor begins its counts anew. Pure; the time is passed in.
 */
#ifndef WLBPROXY_SESSION_BACKEND_CONDITION_H
#define WLBPROXY_SESSION_BACKEND_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

enum check_verdict { CHECK_UNCHECKED, CHECK_PASSING, CHECK_FAILING };

enum { CONDITION_REASON_MAX = 96, CONDITION_SHARE_WHOLE = 256 };

struct backend_condition {
    int refs;
    enum check_verdict verdict;
    unsigned in_a_row; /* checks that contradict the verdict */
    bool drained;
    uint64_t back_since; /* ms: when slow_start began; 0: it is over */
    uint64_t changed; /* ms: the time of the last change between up, down, failing and
                       * drained; 0: none since the start */
    unsigned credit; /* of slow_start: a whole credit is one request */
    char reason[CONDITION_REASON_MAX]; /* of the last fault; "": there was none */
};

struct backend_condition *condition_new(void);
struct backend_condition *condition_ref(struct backend_condition *condition);
void condition_unref(struct backend_condition *condition);

/* Returns whether it may be given requests. */
bool condition_is_open(const struct backend_condition *condition);

struct check_rules {
    unsigned rise, fall;
};

/* The result of a check; `fault` is NULL if it passed. True: it became FAILING or ceased
 * to be, which is worth a log line. */
bool condition_take_check(struct backend_condition *condition, const char *fault,
    struct check_rules rules, uint64_t now);

/* Checks are off from now on: their verdict no longer counts. */
void condition_uncheck(struct backend_condition *condition, uint64_t now);

/* True: that has changed. */
bool condition_drain(struct backend_condition *condition, bool drained, uint64_t now);

/* Connections found it down, or up again. */
void condition_went_down(
    struct backend_condition *condition, const char *fault, uint64_t now);
void condition_came_up(struct backend_condition *condition, uint64_t now);

/* Returns the share in units of CONDITION_SHARE_WHOLE. */
unsigned condition_share(
    struct backend_condition *condition, uint64_t slow_start, uint64_t now);

/* Returns whether the next request belongs to its share. Each call is a request. */
bool condition_takes_its_share(
    struct backend_condition *condition, uint64_t slow_start, uint64_t now);

#endif
