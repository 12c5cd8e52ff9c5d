#include "proxy/master/resolver.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/connect_line.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/channel.h"
#include "proxy/master/helper.h"
#include "proxy/master/plan.h"
#include "proxy/master/plan_backends.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/supervisor.h"

enum { SOON_MS = 5000 /* at most, while a name cannot be resolved */ };

struct lookup {
    char *connect; /* the line as written */
    struct connect_line line;
    struct addresses found; /* empty: see err */
    struct error err;
    bool failing; /* the failure has been logged */
};

/* Names are resolved while something is served. */
static struct plan *current_plan(const struct resolver *r)
{
    const struct release *current = r->reload->rollout.current;

    assert(current != NULL);
    return current->plan;
}

static struct lookup *find(struct lookup *lookups, size_t count, const char *connect)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lookups[i].connect, connect) == 0)
            return &lookups[i];
    }
    return NULL;
}

static void free_lookups(struct lookup *lookups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lookups[i].connect);
    free(lookups);
}

/* A name without an address was logged with the plan that could not resolve it. */
static bool is_known_to_fail(
    const struct plan *plan, const char *connect, const struct lookup *old)
{
    struct addresses known = {.connect = connect};

    plan_backends_get(plan, &known);
    return known.count == 0 || (old != NULL && old->failing);
}

static void add_lookup(struct resolver *r, const struct plan *plan, const char *connect,
    const struct lookup *old)
{
    struct lookup *lookups = memory_resize(r->lookups, r->count + 1, sizeof(*lookups));
    struct error ignored; /* it was parsed with the settings */

    r->lookups = lookups;
    lookups[r->count] = (struct lookup){
        .connect = memory_text(connect), .failing = is_known_to_fail(plan, connect, old)};
    (void)connect_line_parse(connect, &lookups[r->count++].line, &ignored);
}

static bool is_name(const char *connect)
{
    struct connect_line line;
    struct error ignored;

    return connect_line_parse(connect, &line, &ignored) &&
        endpoint_is_name(line.address, ENDPOINT_CONNECT);
}

static void list_names(struct resolver *r, const struct plan *plan)
{
    struct lookup *old = r->lookups;
    size_t old_count = r->count;

    r->lookups = NULL;
    r->count = 0;
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct text_list *connect = &plan->settings->services[i].connect;

        for (size_t k = 0; k < connect->count; k++) {
            const char *text = connect->items[k];

            if (is_name(text) && find(r->lookups, r->count, text) == NULL)
                add_lookup(r, plan, text, find(old, old_count, text));
        }
    }
    free_lookups(old, old_count);
}

/* Runs on a thread, because it may block. */
static void on_resolve(struct work *work)
{
    struct resolver *r = container_of(work, struct resolver, work);

    for (size_t i = 0; i < r->count; i++) {
        struct addresses *found = &r->lookups[i].found;

        found->count =
            helper_resolve(&r->identity, r->lookups[i].line.address, ENDPOINT_CONNECT,
                found->list, ADDRESSES_COUNT_MAX, HELPER_DEADLINE, &r->lookups[i].err);
    }
}

static struct message message_of(
    const struct addresses *addresses, char body[CHANNEL_BODY_MAX])
{
    return (struct message){.type = MESSAGE_ADDRESSES,
        .body = body,
        .len = addresses_encode(addresses, body, CHANNEL_BODY_MAX)};
}

static void log_change(const struct addresses *addresses)
{
    char list[1024] = "";
    size_t len = 0;

    for (size_t i = 0; i < addresses->count && len < sizeof(list); i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "",
            addresses->list[i].text);
    log_info("event=addresses_changed connect=\"%s\" addresses=\"%s\"",
        addresses->connect, list);
}

static void log_failure(const struct lookup *lookup)
{
    log_warning(
        "event=name_not_resolved connect=\"%s\" reason=%s text=\"the addresses that "
        "are known are kept\"",
        lookup->connect, log_quoted(lookup->err.text).text);
}

static void take(struct resolver *r, struct plan *plan, struct lookup *lookup)
{
    static char body[CHANNEL_BODY_MAX];
    struct addresses known = {.connect = lookup->connect};
    struct message m;

    if (lookup->found.count == 0) {
        if (!lookup->failing)
            log_failure(lookup);
        lookup->failing = true;
        return;
    }
    if (lookup->failing)
        log_info("event=name_resolved connect=\"%s\"", lookup->connect);
    lookup->failing = false;
    lookup->found.connect = lookup->connect;
    plan_backends_get(plan, &known);
    if (addresses_equal(&known, &lookup->found))
        return;
    plan_backends_set(plan, &lookup->found);
    log_change(&lookup->found);
    m = message_of(&lookup->found, body);
    supervisor_broadcast(r->supervisor, &m);
}

static void on_due(uv_timer_t *timer);

static void plan_next(struct resolver *r, const struct plan *plan)
{
    uint64_t interval = plan->settings->resolve_interval;

    for (size_t i = 0; i < r->count; i++) {
        if (r->lookups[i].failing && interval > SOON_MS)
            interval = SOON_MS;
    }
    if (interval > 0 && r->count > 0)
        uv_timer_start(&r->timer, on_due, interval, 0);
    else
        uv_timer_stop(&r->timer);
}

/* The plan may be another one by now: names that it lacks are ignored. */
static void on_resolved(struct work *work)
{
    struct resolver *r = container_of(work, struct resolver, work);
    struct plan *plan = current_plan(r);

    if (r->state == RESOLVER_STOPPED)
        return;
    r->state = RESOLVER_IDLE;
    for (size_t i = 0; i < r->count; i++)
        take(r, plan, &r->lookups[i]);
    plan_next(r, plan);
}

static void resolve(struct resolver *r)
{
    list_names(r, current_plan(r));
    if (r->count == 0)
        return;
    r->identity = current_plan(r)->identity;
    r->state = RESOLVER_BUSY;
    r->work = (struct work){.run = on_resolve, .done = on_resolved};
    task_queue_add(&r->tasks, &r->work);
}

static void on_due(uv_timer_t *timer)
{
    resolve(timer->data);
}

void resolver_init(struct resolver *r, uv_loop_t *loop, struct reload *reload,
    struct supervisor *supervisor)
{
    r->reload = reload;
    r->supervisor = supervisor;
    task_queue_init(&r->tasks, loop);
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
}

/* The results of a busy thread are good for any plan. */
void resolver_begin(struct resolver *r)
{
    if (r->state == RESOLVER_IDLE && current_plan(r)->settings->resolve_interval > 0)
        resolve(r);
    else if (r->state == RESOLVER_IDLE)
        uv_timer_stop(&r->timer);
}

void resolver_tell(struct resolver *r, struct child *child)
{
    static char body[CHANNEL_BODY_MAX];

    if (r->state == RESOLVER_STOPPED)
        return;
    for (size_t i = 0; i < r->count; i++) {
        struct addresses known = {.connect = r->lookups[i].connect};
        struct message m;

        plan_backends_get(current_plan(r), &known);
        m = message_of(&known, body);
        if (known.count > 0)
            supervisor_send(child, &m);
    }
}

void resolver_stop(struct resolver *r)
{
    r->state = RESOLVER_STOPPED;
    uv_timer_stop(&r->timer);
}

bool resolver_end(struct resolver *r)
{
    if (!task_queue_end(&r->tasks))
        return false;
    free_lookups(r->lookups, r->count);
    r->lookups = NULL;
    r->count = 0;
    return true;
}
