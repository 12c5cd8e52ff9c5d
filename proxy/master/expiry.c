#include "proxy/master/expiry.h"

#include <string.h>

#include "certstore/credential.h"
#include "proxy/base/log.h"
#include "proxy/master/plan.h"

enum { DAY = 24 * 60 * 60, HOUR_MS = 60 * 60 * 1000, LAST_THRESHOLD = 4 };

long expiry_threshold(time_t not_after, time_t now)
{
    static const int days[LAST_THRESHOLD] = {30, 14, 7, 1};
    time_t left = not_after - now;
    long threshold = 0;

    if (left < 0)
        return LAST_THRESHOLD + 1 + (long)(-left / DAY);
    while (threshold < LAST_THRESHOLD && left <= (time_t)days[threshold] * DAY)
        threshold++;
    return threshold;
}

static void warn(const char *service, const char *subject, time_t not_after, time_t now)
{
    char quoted[600], until[32];
    struct tm utc;
    time_t left = not_after - now;

    gmtime_r(&not_after, &utc);
    strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &utc);
    log_at(left < 7 * DAY ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
        "event=%s service=%s subject=%s not_after=%s days_left=%ld",
        left < 0 ? "certificate_expired" : "certificate_expires", service,
        log_quote(quoted, sizeof(quoted), subject, strlen(subject)), until,
        (long)(left / DAY));
}

static void look_at(struct expiry *e, const char *service,
    const struct credential *credential, time_t now)
{
    char subject[256];
    time_t not_after;

    for (size_t i = 0;
         credential_member(credential, i, subject, sizeof(subject), &not_after); i++) {
        long before = e->looked != 0 ? expiry_threshold(not_after, e->looked) : 0;

        if (expiry_threshold(not_after, now) > before)
            warn(service, subject, not_after, now);
    }
}

static void look(struct expiry *e)
{
    time_t now = time(NULL);

    for (size_t i = 0; e->plan != NULL && i < e->plan->settings->service_count; i++) {
        for (size_t k = 0; k < e->plan->services[i].credential_count; k++)
            look_at(e, e->plan->settings->services[i].name,
                e->plan->services[i].credentials[k], now);
    }
    e->looked = now;
}

static void on_hour(uv_timer_t *timer)
{
    look(timer->data);
}

void expiry_init(struct expiry *e, uv_loop_t *loop)
{
    e->plan = NULL;
    e->looked = 0;
    e->timer.data = e;
    uv_timer_init(loop, &e->timer);
}

void expiry_watch(struct expiry *e, const struct plan *plan)
{
    e->plan = plan;
    e->looked = 0;
    look(e);
    uv_timer_start(&e->timer, on_hour, HOUR_MS, HOUR_MS);
}
