#include "proxy/master/expiry.h"

#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/trust.h"
#include "proxy/base/log.h"
#include "proxy/master/plan.h"

enum { DAY = 24 * 60 * 60, HOUR_MS = 60 * 60 * 1000, LAST_THRESHOLD = 4 };

long expiry_threshold(time_t from, time_t to, time_t now)
{
    static const int days[LAST_THRESHOLD] = {30, 14, 7, 1};
    time_t left = to - now;
    long threshold = 0;

    if (left < 0)
        return LAST_THRESHOLD + 1 + (long)(-left / DAY);
    for (int i = 0; i < LAST_THRESHOLD; i++) {
        if (left <= (time_t)days[i] * DAY && 2 * (time_t)days[i] * DAY <= to - from)
            threshold = i + 1;
    }
    return threshold;
}

/* Something that expires, and its events. */
struct ending {
    const char *ends, *ended;
    const char *service, *subject;
    time_t from, to;
};

static void warn(const struct ending *it, time_t now)
{
    char quoted[600], until[32];
    struct tm utc;
    time_t left = it->to - now;
    const bool near = left < 7 * DAY && 14 * DAY <= it->to - it->from;

    gmtime_r(&it->to, &utc);
    strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &utc);
    log_at(left < 0 || near ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
        "%s service=%s subject=%s not_after=%s days_left=%ld",
        left < 0 ? it->ended : it->ends, it->service,
        log_quote(quoted, sizeof(quoted), it->subject, strlen(it->subject)), until,
        (long)(left / DAY));
}

static void look_at(const struct expiry *e, const struct ending *it, time_t now)
{
    long before = e->looked != 0 ? expiry_threshold(it->from, it->to, e->looked) : 0;

    if (expiry_threshold(it->from, it->to, now) > before)
        warn(it, now);
}

static void look_at_certificates(const struct expiry *e, const char *service,
    const struct credential *credential, time_t now)
{
    struct ending it = {.ends = "event=certificate_expires",
        .ended = "event=certificate_expired",
        .service = service};
    char subject[256];

    it.subject = subject;
    for (size_t i = 0;
         credential_member(credential, i, subject, sizeof(subject), &it.from, &it.to);
         i++)
        look_at(e, &it, now);
}

static void look_at_trust(const struct expiry *e, const char *name,
    const struct plan_service *service, time_t now)
{
    struct trust_member *members;
    size_t count = trust_members(service->ca, service->crl, &members);

    for (size_t i = 0; i < count; i++) {
        const struct ending it = {
            .ends = members[i].is_list ? "event=crl_expires" : "event=ca_expires",
            .ended = members[i].is_list ? "event=crl_expired" : "event=ca_expired",
            .service = name,
            .subject = members[i].title,
            .from = members[i].from,
            .to = members[i].to,
        };

        look_at(e, &it, now);
    }
    free(members);
}

static void look(struct expiry *e)
{
    time_t now = time(NULL);

    for (size_t i = 0; e->plan != NULL && i < e->plan->settings->service_count; i++) {
        const struct plan_service *service = &e->plan->services[i];
        const char *name = e->plan->settings->services[i].name;

        for (size_t k = 0; k < service->credential_count; k++)
            look_at_certificates(e, name, service->credentials[k], now);
        if (service->backend_credential != NULL)
            look_at_certificates(e, name, service->backend_credential, now);
        look_at_trust(e, name, service, now);
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
