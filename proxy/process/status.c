#include "proxy/process/status.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/process/channel.h"
#include "proxy/process/disk_look.h"
#include "proxy/process/master_state.h"
#include "proxy/process/report.h"
#include "proxy/process/status_json.h"

enum { PATIENCE = 3000 };

static bool is_complete(const struct status *s)
{
    for (unsigned i = 0; i < s->master->supervisor.count; i++) {
        if (s->due[i])
            return false;
    }
    return s->disk == NULL || s->disk->done;
}

static void forget(struct status *s)
{
    uv_timer_stop(&s->patience);
    disk_look_end(s->disk);
    s->disk = NULL;
    for (unsigned i = 0; i < SUPERVISOR_SLOTS_MAX; i++) {
        free(s->reports[i]);
        s->reports[i] = NULL;
        s->due[i] = false;
    }
    s->asking = false;
}

static void answer(struct status *s)
{
    json_t *json = status_json(s->master, s->reports, s->disk);
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

static void on_no_patience(uv_timer_t *timer)
{
    answer(timer->data);
}

static void on_looked(struct disk_look *look)
{
    look_whether_complete(look->owner);
}

void status_init(struct status *s, struct master *master)
{
    s->master = master;
    list_init(&s->waiting);
    uv_timer_init(&master->loop, &s->patience);
    s->patience.data = s;
}

static void begin(struct status *s)
{
    struct master *m = s->master;
    struct message question = {.type = MESSAGE_ASK_REPORT, .id = ++s->question};

    s->asking = true;
    for (unsigned i = 0; i < m->supervisor.count; i++)
        s->due[i] =
            m->supervisor.slots[i].child != NULL && m->supervisor.slots[i].child->up;
    s->disk =
        disk_look_begin(&m->workshop, m->config_path, !m->config_given, on_looked, s);
    uv_timer_start(&s->patience, on_no_patience, PATIENCE, 0);
    supervisor_broadcast(&m->supervisor, &question);
}

void status_ask(struct status *s, struct status_waiter *waiter)
{
    list_append(&s->waiting, &waiter->link);
    if (!s->asking)
        begin(s);
}

void status_take(struct status *s, struct child *child, const struct message *m)
{
    struct report *report;

    if (!s->asking || m->id != s->question || !s->due[child->slot])
        return;
    report = malloc(sizeof(*report));
    if (report == NULL)
        abort();
    s->due[child->slot] = false;
    if (report_decode(report, m->body, m->len))
        s->reports[child->slot] = report;
    else
        free(report);
    look_whether_complete(s);
}

void status_gone(struct status *s, const struct child *child)
{
    s->due[child->slot] = false;
    look_whether_complete(s);
}
