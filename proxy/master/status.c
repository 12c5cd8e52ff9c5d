#include "proxy/master/status.h"

#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/signing_stats.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/master/child_log.h"
#include "proxy/master/disk_look.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/status_json.h"

enum { ANSWER_TIMEOUT = 3000 };

static bool is_complete(const struct status *s)
{
    for (unsigned i = 0; i < SUPERVISOR_SLOTS_MAX; i++) {
        if (s->due[i] || s->signer_due[i])
            return false;
    }
    return (s->disk == NULL || s->disk->done);
}

static void forget(struct status *s)
{
    uv_timer_stop(&s->answer_timer);
    for (unsigned i = 0; i < SUPERVISOR_SLOTS_MAX; i++) {
        free(s->reports[i]);
        s->reports[i] = NULL;
        free(s->signers[i]);
        s->signers[i] = NULL;
        s->due[i] = s->signer_due[i] = false;
    }
    s->asking = s->looked_now = false;
}

static void answer(struct status *s)
{
    json_t *json = status_json(&s->of, s->reports, s->signers, s->disk);
    struct list *node;

    forget(s);
    while ((node = list_take(&s->waiting)) != NULL) {
        struct status_waiter *waiter = container_of(node, struct status_waiter, link);

        waiter->status(waiter, json);
    }
    json_decref(json);
}

static void look_whether_complete(struct status *s)
{
    if (s->asking && is_complete(s))
        answer(s);
}

static void on_status_timeout(uv_timer_t *timer)
{
    answer(timer->data);
}

static void on_looked(struct disk_look *look)
{
    look_whether_complete(look->owner);
}

void status_init(struct status *s, const struct status_sources *of)
{
    s->of = *of;
    list_init(&s->waiting);
    uv_timer_init(of->loop, &s->answer_timer);
    s->answer_timer.data = s;
}

/* With a thousand services a look may take longer than the answer may wait for it. The
 * next question waits for the same one: otherwise looks would queue up, before a reload,
 * too. */
static void look_at_disk(struct status *s)
{
    const struct status_sources *of = &s->of;

    s->looked_now = true;
    if (s->disk != NULL && !s->disk->done &&
        s->looked_beside == of->reload->rollout.current->id)
        return;
    disk_look_end(s->disk);
    s->disk = disk_look_begin(of->reload->tasks, of->reload->config_path,
        of->reload->optional, NULL, on_looked, s);
    s->looked = uv_now(of->loop);
    s->looked_beside = of->reload->rollout.current->id;
}

/* A scrape every few seconds does not make us read and judge all files each time. */
static bool disk_suffices(const struct status *s, const struct status_waiter *waiter)
{
    const struct status_sources *of = &s->of;

    if (s->looked_now)
        return true;
    return waiter->recent_is_enough && s->disk != NULL && s->disk->done &&
        uv_now(of->loop) - s->looked < STATUS_DISK_GOOD_FOR &&
        s->looked_beside == of->reload->rollout.current->id;
}

/* Notes whose answers are due. */
static void ask(struct supervisor *supervisor, const struct message *question, bool due[])
{
    for (unsigned i = 0; i < supervisor->count; i++)
        due[i] = supervisor->slots[i].child != NULL && supervisor->slots[i].child->up;
    supervisor_broadcast(supervisor, question);
}

static void begin(struct status *s)
{
    const struct status_sources *of = &s->of;
    const struct message question = {.type = MESSAGE_ASK_STATS, .id = ++s->question};

    s->asking = true;
    uv_timer_start(&s->answer_timer, on_status_timeout, ANSWER_TIMEOUT, 0);
    s->asked = uv_hrtime();
    ask(of->workers, &question, s->due);
    ask(of->signers, &question, s->signer_due);
}

void status_ask(struct status *s, struct status_waiter *waiter)
{
    list_append(&s->waiting, &waiter->link);
    if (!s->asking)
        begin(s);
    if (!disk_suffices(s, waiter))
        look_at_disk(s);
}

void status_take(struct status *s, struct child *child, const struct message *m)
{
    struct worker_stats *report;

    if (!s->asking || m->id != s->question || !s->due[child->slot])
        return;
    report = memory_raw(sizeof(*report));
    s->due[child->slot] = false;
    if (worker_stats_decode(report, m->body, m->len)) {
        report->answered_after = (double)(uv_hrtime() - s->asked) / 1e9;
        report->log_lost += child_log_lost(child->log);
        s->reports[child->slot] = report;
    } else {
        free(report);
    }
    look_whether_complete(s);
}

void status_gone(struct status *s, const struct child *child)
{
    s->due[child->slot] = false;
    look_whether_complete(s);
}

void status_take_signer(
    struct status *s, const struct child *child, const struct message *m)
{
    struct signing_stats *stats;

    if (!s->asking || m->id != s->question || !s->signer_due[child->slot])
        return;
    stats = memory_raw(sizeof(*stats));
    s->signer_due[child->slot] = false;
    if (signing_stats_decode(stats, m->body, m->len))
        s->signers[child->slot] = stats;
    else
        free(stats);
    look_whether_complete(s);
}

void status_signer_gone(struct status *s, const struct child *child)
{
    s->signer_due[child->slot] = false;
    look_whether_complete(s);
}
