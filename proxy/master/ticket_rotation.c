#include "proxy/master/ticket_rotation.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/master/plan.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/ticket_keys.h"

void ticket_rotation_init(
    struct ticket_rotation *t, uv_loop_t *loop, struct supervisor *workers)
{
    t->workers = workers;
    uv_timer_init(loop, &t->timer);
    t->timer.data = t;
}

static bool rotate(struct ticket_rotation *t, struct error *err)
{
    if (!tickets_rotate(&t->keys, t->interval, err))
        return false;
    t->began = uv_now(t->timer.loop);
    return true;
}

bool ticket_rotation_begin(
    struct ticket_rotation *t, const struct plan *plan, struct error *err)
{
    t->interval = plan->settings->ticket_rotation;
    tickets_set_lifetime(&t->keys, plan->settings->ticket_lifetime);
    return t->keys.count > 0 || rotate(t, err);
}

bool ticket_rotation_now(struct ticket_rotation *t, const char *reason, struct error *err)
{
    if (!rotate(t, err)) {
        log_error("event=ticket_keys_not_rotated reason=\"%s\"", err->text);
        return false;
    }
    log_info("event=ticket_keys_rotated reason=%s keys=%u", reason, t->keys.count);
    ticket_rotation_send(t, NULL);
    if (uv_is_active((uv_handle_t *)&t->timer))
        uv_timer_again(&t->timer);
    return true;
}

static void on_due(uv_timer_t *timer)
{
    struct error err;

    (void)ticket_rotation_now(timer->data, "time", &err);
}

static void follow_settings(struct ticket_rotation *t, const struct settings *settings)
{
    if (t->keys.lifetime != settings->ticket_lifetime / 1000) {
        tickets_set_lifetime(&t->keys, settings->ticket_lifetime);
        ticket_rotation_send(t, NULL);
    }
    t->interval = settings->ticket_rotation;
    if (uv_timer_get_repeat(&t->timer) != t->interval)
        uv_timer_start(&t->timer, on_due, t->interval, t->interval);
}

/* A reload or `cert install` has changed the certificate: sessions from now on share no
 * key with earlier ones. */
void ticket_rotation_update(struct ticket_rotation *t, const struct plan *plan)
{
    char *shown = plan_certificates(plan);
    struct error err;

    follow_settings(t, plan->settings);
    if (t->certificates != NULL && strcmp(shown, t->certificates) != 0)
        (void)ticket_rotation_now(t, "certificates", &err);
    free(t->certificates);
    t->certificates = shown;
}

void ticket_rotation_send(struct ticket_rotation *t, struct child *child)
{
    const struct message message = {
        .type = MESSAGE_TICKETS, .body = (const char *)&t->keys, .len = sizeof(t->keys)};

    if (child != NULL)
        supervisor_send(child, &message);
    else
        supervisor_broadcast(t->workers, &message);
}

void ticket_rotation_destroy(struct ticket_rotation *t)
{
    tickets_wipe(&t->keys);
    free(t->certificates);
    t->certificates = NULL;
}
