#include "proxy/master/reload.h"

#include <stdio.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/base/utf8_json.h"
#include "proxy/ipc/channel.h"
#include "proxy/master/describe.h"
#include "proxy/master/files_changing.h"
#include "proxy/master/notify.h"
#include "proxy/master/plan.h"
#include "proxy/master/plan_backends.h"
#include "proxy/master/regression.h"
#include "proxy/master/release.h"
#include "proxy/master/revocations.h"
#include "proxy/master/supervisor.h"

enum {
    SETTLE_MS = 15, /* a burst of signals is one request */
    ROTATION_PAUSE_MS = 200,
    ROTATION_LOOKS = 5, /* while files are being replaced: one second in all */
    BIND_RETRY_MS = 200,
    BIND_ATTEMPTS = 15, /* at start: the workers of a killed master may still be ending */
    STATUS_TEXT_MAX = 1000,
    ROLL_OUT_MS = 60 * 1000, /* a worker that hangs is killed and replaced before that */
};

static void begin(struct reload *r);

static bool is_start(const struct reload *r)
{
    return r->rollout.current == NULL;
}

static uint32_t serving(const struct reload *r)
{
    return is_start(r) ? 0 : r->rollout.current->id;
}

/* The reload was refused, and new revocation lists are served all the same. */
static bool took_lists(const struct reload *r)
{
    return r->state == RELOAD_ROLLING_LISTS && serving(r) == r->last_id;
}

static json_t *worker_list(const struct supervisor *s)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < s->count; i++) {
        const struct child *child = s->slots[i].child;

        if (child != NULL)
            json_array_append_new(list,
                json_pack("{si si sI}", "worker", (int)i, "pid", (int)child->pid,
                    "generation", (json_int_t)child->serving));
    }
    return list;
}

static json_t *verdict(
    const struct reload *r, const struct error *refusal, bool unchanged)
{
    json_t *v = json_pack("{sb sb sI so so}", "ok", refusal == NULL, "unchanged",
        unchanged, "generation", (json_int_t)serving(r), "findings",
        describe_findings(&r->findings), "workers", worker_list(r->rollout.supervisor));

    if (refusal != NULL)
        json_object_set_new(v, "error", utf8_json(refusal->text));
    if (took_lists(r))
        json_object_set_new(v, "crl_reloaded", json_true());
    if (!is_start(r))
        json_object_set_new(v, "services", describe_services(r->rollout.current->plan));
    return v;
}

static void answer(struct reload *r, const struct error *refusal, bool unchanged)
{
    json_t *v = verdict(r, refusal, unchanged);
    struct list *node;

    while ((node = list_take(&r->answered)) != NULL) {
        struct reload_waiter *waiter = container_of(node, struct reload_waiter, link);

        waiter->verdict(waiter, v);
    }
    json_decref(v);
}

static void log_refusal(const struct reload *r, const struct error *refusal)
{
    const struct log_quoted reason = log_quoted(refusal->text);

    if (is_start(r))
        log_error("event=start_refused reason=%s", reason.text);
    else
        log_error(
            "event=reload_refused serving=%u reason=%s text=\"nothing%s has changed\"",
            serving(r), reason.text, took_lists(r) ? " but revocation lists" : "");
}

static void tell_manager(
    const struct reload *r, const struct error *refusal, bool unchanged)
{
    char status[STATUS_TEXT_MAX];

    if (refusal != NULL)
        snprintf(status, sizeof(status),
            "Reload refused, still serving generation %u: %.900s", serving(r),
            refusal->text);
    else
        describe_status(r->rollout.current, unchanged, status, sizeof(status));
    notify_ready(status);
}

static void start_next(struct reload *r)
{
    r->state = RELOAD_IDLE;
    if (r->again || !list_empty(&r->waiting))
        begin(r);
}

static void finish(struct reload *r, const struct error *refusal, bool unchanged)
{
    struct error reason = {0};

    if (refusal != NULL)
        reason = *refusal; /* `refusal` may be r->err, or the rollout's */
    refusal = refusal != NULL ? &reason : NULL;
    describe_findings_to_log(&r->findings, refusal == NULL ? &r->told : NULL);
    if (refusal != NULL)
        log_refusal(r, refusal);
    if (refusal != NULL && is_start(r)) {
        r->state = RELOAD_IDLE;
        r->events->start_failed(r, refusal);
        return;
    }
    if (r->last_when != 0)
        reload_history_add(&r->history,
            refusal != NULL ? RELOAD_REFUSED
                : unchanged ? RELOAD_UNCHANGED
                            : RELOAD_APPLIED,
            serving(r), refusal);
    r->last_ok = refusal == NULL;
    r->last_when = time(NULL);
    if (refusal != NULL)
        r->last_err = *refusal;
    tell_manager(r, refusal, unchanged);
    answer(r, refusal, unchanged);
    start_next(r);
}

static bool is_wanted(const struct endpoint *address, const void *context)
{
    return context != NULL && plan_listens_on(context, address);
}

static void close_unwanted_sockets(struct reload *r)
{
    static const struct message shut = {.type = MESSAGE_SHUT};

    if (sockets_keep(
            &r->sockets, is_wanted, is_start(r) ? NULL : r->rollout.current->plan))
        supervisor_broadcast(r->rollout.supervisor, &shut);
}

static void on_rolling_too_long(uv_timer_t *timer)
{
    struct reload *r = timer->data;

    rollout_give_up(&r->rollout);
}

static bool roll_out(struct reload *r, struct plan *plan)
{
    struct release *release =
        release_new(++r->last_id, plan, r->started_with.signer, &r->err);

    if (release == NULL)
        return false;
    uv_timer_start(&r->timer, on_rolling_too_long, ROLL_OUT_MS, 0);
    rollout_begin(&r->rollout, release);
    return true;
}

/* False: there is no new list. */
static bool take_lists(struct reload *r, const struct error *refusal)
{
    struct plan *plan = is_start(r) || r->state == RELOAD_ROLLING
        ? NULL
        : revocations_renew(r->revocations, r->rollout.current->plan);

    if (plan == NULL)
        return false;
    r->refused = *refusal;
    r->state = RELOAD_ROLLING_LISTS;
    return roll_out(r, plan);
}

static void give_up(struct reload *r, const struct error *refusal)
{
    const struct error reason = *refusal; /* `refusal` may be r->err, or the rollout's */

    if (!is_start(r))
        close_unwanted_sockets(r);
    logs_close(&r->fresh_logs);
    plan_free(r->plan);
    r->plan = NULL;
    if (!take_lists(r, &reason))
        finish(r, &reason, false);
}

static void use_fresh_logs(struct reload *r)
{
    if (r->fresh_logs.log < 0)
        return;
    logs_use(&r->fresh_logs, "master");
    logs_close(&r->logs);
    r->logs = r->fresh_logs;
    r->fresh_logs.log = r->fresh_logs.access = -1;
}

static void on_lists_rolled_out(struct reload *r, const struct error *refusal)
{
    if (refusal == NULL) {
        log_info("event=crl_reloaded generation=%u workers=%u", serving(r),
            r->rollout.supervisor->count);
        r->events->released(r, false);
    }
    finish(r, &r->refused, false);
}

static void on_rolled_out(struct rollout *rollout, const struct error *refusal)
{
    struct reload *r = rollout->owner;
    bool first = r->last_when == 0;

    uv_timer_stop(&r->timer);
    if (r->over)
        return;
    if (r->state == RELOAD_ROLLING_LISTS) {
        on_lists_rolled_out(r, refusal);
        return;
    }
    if (refusal != NULL) {
        give_up(r, refusal);
        return;
    }
    close_unwanted_sockets(r);
    use_fresh_logs(r);
    log_info(first ? "event=started generation=%u workers=%u"
                   : "event=reloaded generation=%u workers=%u",
        serving(r), rollout->supervisor->count);
    describe_to_log(rollout->current);
    r->events->released(r, first);
    finish(r, NULL, false);
}

static void roll_out_plan(struct reload *r)
{
    struct plan *plan = r->plan;

    r->plan = NULL;
    r->state = RELOAD_ROLLING;
    if (!roll_out(r, plan))
        give_up(r, &r->err);
}

static bool bind_all(struct reload *r)
{
    for (size_t i = 0; i < r->plan->listener_count; i++) {
        if (!sockets_open(&r->sockets, &r->plan->listeners[i].address, r->slots, &r->err))
            return false;
    }
    return true;
}

static void on_bind_retry(uv_timer_t *timer);

static void bind_sockets(struct reload *r)
{
    r->state = RELOAD_BINDING;
    if (bind_all(r)) {
        roll_out_plan(r);
    } else if (is_start(r) && ++r->bind_attempts < BIND_ATTEMPTS) {
        if (r->bind_attempts == 1)
            log_warning("event=waiting_for_port reason=%s", log_quoted(r->err.text).text);
        uv_timer_start(&r->timer, on_bind_retry, BIND_RETRY_MS, 0);
    } else {
        give_up(r, &r->err);
    }
}

static void on_bind_retry(uv_timer_t *timer)
{
    bind_sockets(timer->data);
}

static bool logs_differ(const struct settings *a, const struct settings *b)
{
    return strcmp(a->log, b->log) != 0 || strcmp(a->log_level, b->log_level) != 0 ||
        strcmp(a->access_log, b->access_log) != 0;
}

static bool accept_first(struct reload *r)
{
    if (!logs_open(&r->fresh_logs, r->plan->settings, &r->err))
        return false;
    use_fresh_logs(r);
    started_with_init(&r->started_with, r->plan->settings);
    return r->events->begin(r, r->plan, &r->err);
}

static bool accept_next(struct reload *r)
{
    const struct plan *current = r->rollout.current->plan;

    plan_backends_keep(r->plan, current);
    if (restart_is_needed_to_connect(&r->started_with, r->plan->settings, &r->err) ||
        !regression_judge(current, r->plan, r->forced, time(NULL), &r->findings, &r->err))
        return false;
    return !logs_differ(current->settings, r->plan->settings) ||
        logs_open(&r->fresh_logs, r->plan->settings, &r->err);
}

static void on_loaded(struct work *work)
{
    struct reload *r = container_of(work, struct reload, work);

    if (r->over)
        return;
    if (r->plan == NULL) {
        give_up(r, &r->err);
        return;
    }
    if (!is_start(r))
        restart_needed(&r->started_with, r->plan->settings, &r->findings);
    if (!is_start(r) && plan_equal(r->rollout.current->plan, r->plan)) {
        log_info("event=unchanged serving=%u text=\"nothing has changed\"", serving(r));
        plan_free(r->plan);
        r->plan = NULL;
        r->events->unchanged(r);
        finish(r, NULL, true);
        return;
    }
    if (is_start(r) ? accept_first(r) : accept_next(r))
        bind_sockets(r);
    else
        give_up(r, &r->err);
}

/* Runs on a thread, because it may block. */
static void on_load(struct work *work)
{
    static const struct timespec pause = {.tv_nsec = ROTATION_PAUSE_MS * 1000000L};
    struct reload *r = container_of(work, struct reload, work);

    r->plan = plan_load(r->config_path, r->optional, &r->findings, &r->err);
    for (int i = 0; i < ROTATION_LOOKS && r->plan == NULL &&
         files_are_changing(r->config_path, r->optional, time(NULL));
         i++) {
        nanosleep(&pause, NULL);
        findings_destroy(&r->findings);
        findings_init(&r->findings);
        r->plan = plan_load(r->config_path, r->optional, &r->findings, &r->err);
    }
    revocations_read(r->revocations);
}

static void keep_what_was_told(struct reload *r)
{
    if (r->last_ok) {
        findings_destroy(&r->told);
        r->told = r->findings;
    } else {
        findings_destroy(&r->findings);
    }
    findings_init(&r->findings);
}

static void take_waiting(struct reload *r)
{
    struct list *node;

    r->forced = false;
    while ((node = list_take(&r->waiting)) != NULL) {
        r->forced |= container_of(node, struct reload_waiter, link)->force;
        list_append(&r->answered, node);
    }
}

static void begin(struct reload *r)
{
    if (r->held) {
        r->again = true;
        r->state = RELOAD_IDLE;
        return;
    }
    r->again = false;
    r->begun++;
    take_waiting(r);
    if (!is_start(r))
        notify_reloading();
    keep_what_was_told(r);
    revocations_free(r->revocations);
    r->revocations = is_start(r) ? NULL : revocations_of(r->rollout.current->plan);
    r->err.text[0] = '\0';
    r->state = RELOAD_LOADING;
    r->work = (struct work){.run = on_load, .done = on_loaded};
    task_queue_add(r->tasks, &r->work);
}

void reload_init(struct reload *r, uv_loop_t *loop)
{
    memset(r, 0, sizeof(*r));
    r->loop = loop;
    r->logs.log = r->logs.access = -1;
    r->fresh_logs = r->logs;
    r->rollout.sockets = &r->sockets;
    r->rollout.owner = r;
    r->rollout.finished = on_rolled_out;
    findings_init(&r->findings);
    findings_init(&r->told);
    list_init(&r->waiting);
    list_init(&r->answered);
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
}

void reload_start(struct reload *r)
{
    begin(r);
}

static void on_settled(uv_timer_t *timer)
{
    begin(timer->data);
}

void reload_request(struct reload *r)
{
    if (r->state == RELOAD_IDLE) {
        r->state = RELOAD_SETTLING;
        uv_timer_start(&r->timer, on_settled, SETTLE_MS, 0);
    } else if (r->state != RELOAD_SETTLING) {
        r->again = true;
    }
}

void reload_ask(struct reload *r, struct reload_waiter *waiter)
{
    list_append(&r->waiting, &waiter->link);
    if (r->state == RELOAD_SETTLING)
        uv_timer_stop(&r->timer);
    if (r->state == RELOAD_SETTLING || r->state == RELOAD_IDLE)
        begin(r);
}

void reload_hold(struct reload *r)
{
    r->held = true;
}

void reload_let_go(struct reload *r)
{
    r->held = false;
    if (r->state == RELOAD_IDLE && !r->over)
        start_next(r);
}

bool reload_stop(struct reload *r)
{
    const bool asked =
        r->again || r->state == RELOAD_SETTLING || !list_empty(&r->waiting);
    struct error reason;

    r->over = true;
    uv_timer_stop(&r->timer);
    error_set(
        &reason, "this process ends; if another one has taken its place, ask again");
    take_waiting(r);
    answer(r, &reason, false);
    return asked;
}

void reload_destroy(struct reload *r)
{
    rollout_destroy(&r->rollout);
    sockets_close(&r->sockets);
    started_with_destroy(&r->started_with);
    findings_destroy(&r->findings);
    findings_destroy(&r->told);
    revocations_free(r->revocations);
    plan_free(r->plan);
}
