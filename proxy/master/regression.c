#include "proxy/master/regression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/trust.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/addresses.h"
#include "proxy/master/plan.h"
#include "proxy/master/plan_backend_tls.h"
#include "proxy/master/plan_backends.h"

enum { NAMES_TEXT_MAX = 512 };

static size_t name_len(const char *list)
{
    return strcspn(list, ", ");
}

static const char *next_name(const char *list)
{
    return list + strspn(list, ", ");
}

/* "*.example" covers "a.example", and nothing below that (RFC 6125 section 6.4.3). */
static bool covers(const char *pattern, size_t pattern_len, const char *name, size_t len)
{
    const char *dot = memchr(name, '.', len);

    if (pattern_len == len && strncasecmp(pattern, name, len) == 0)
        return true;
    return pattern_len > 2 && strncmp(pattern, "*.", 2) == 0 && dot != NULL &&
        len - (size_t)(dot - name) == pattern_len - 1 &&
        strncasecmp(pattern + 1, dot, pattern_len - 1) == 0;
}

static bool list_has(const char *list, const char *name, size_t len)
{
    for (list = next_name(list); *list != '\0'; list = next_name(list + name_len(list))) {
        if (covers(list, name_len(list), name, len))
            return true;
    }
    return false;
}

bool regression_names_lost(const char *served, const char *fresh, char *lost, size_t size)
{
    size_t at = 0;

    lost[0] = '\0';
    for (const char *name = next_name(served); *name != '\0';
         name = next_name(name + name_len(name))) {
        int len = (int)name_len(name);

        if (list_has(fresh, name, (size_t)len) || at >= size)
            continue;
        at += (size_t)snprintf(
            lost + at, size - at, "%s%.*s", at > 0 ? ", " : "", len, name);
    }
    return lost[0] != '\0';
}

static const char *day(time_t when, char text[16])
{
    struct tm utc;

    gmtime_r(&when, &utc);
    strftime(text, 16, "%Y-%m-%d", &utc);
    return text;
}

static const char keep_names[] =
    "have it issued again with all names, or go on if they are not used any more";

static void judge_names(const char *file, const struct credential_summary *served,
    const struct credential_summary *fresh, struct findings *findings)
{
    char lost[NAMES_TEXT_MAX];

    if (regression_names_lost(served->names, fresh->names, lost, sizeof(lost)))
        findings_add(findings, "names-lost", SEVERITY_WARNING, file,
            "clients that connect by these names will refuse the certificate", keep_names,
            "the certificate has lost names that the served one has: %s", lost);
}

static void judge_end(const char *file, const struct credential_summary *served,
    const struct credential_summary *fresh, struct findings *findings)
{
    char fresh_day[16], served_day[16];

    if (fresh->not_after < served->not_after)
        findings_add(findings, "ends-earlier", SEVERITY_WARNING, file,
            "an older file may have been copied over a newer one",
            "compare the dates with: " COMMAND("wlbproxy cert show FILE"),
            "the certificate ends on %s, before the served one (%s)",
            day(fresh->not_after, fresh_day), day(served->not_after, served_day));
}

void regression_compare(const char *file, const struct credential_summary *served,
    const struct credential_summary *fresh, struct findings *findings)
{
    if (served->self_signed && !fresh->self_signed)
        return;
    judge_names(file, served, fresh, findings);
    judge_end(file, served, fresh, findings);
}

static bool is_good(const struct credential_summary *summary, time_t now)
{
    return summary->not_before <= now && now <= summary->not_after;
}

/* One service as it is served, and as it would be. */
struct comparison {
    const struct plan *served_plan;
    const struct plan_service *served, *fresh;
    const struct service_settings *served_settings, *fresh_settings;
    bool force, strict;
    time_t now;
    struct findings *findings;
};

/* "RSA 2048", "EC P-384": a service has one certificate of each kind. */
static bool same_kind(const struct credential *a, const struct credential *b)
{
    const char *one = credential_summary(a)->key, *other = credential_summary(b)->key;
    size_t len = strcspn(one, " ");

    return len == strcspn(other, " ") && strncmp(one, other, len) == 0;
}

static const struct credential *of_kind(
    const struct plan_service *service, const struct credential *like)
{
    for (size_t i = 0; i < service->credential_count; i++) {
        if (same_kind(service->credentials[i], like))
            return service->credentials[i];
    }
    return NULL;
}

/* Returns the served certificate that the fresh one replaces: the one of the same kind of
 * key; else one whose kind the service no longer has; NULL: it comes in addition. */
static const struct credential *replaced_by(
    const struct comparison *c, const struct credential *fresh)
{
    const struct credential *old = of_kind(c->served, fresh);

    for (size_t i = 0; old == NULL && i < c->served->credential_count; i++) {
        if (of_kind(c->fresh, c->served->credentials[i]) == NULL)
            old = c->served->credentials[i];
    }
    return old;
}

static bool is_replaced(const struct comparison *c, const struct credential *served)
{
    for (size_t i = 0; i < c->fresh->credential_count; i++) {
        if (replaced_by(c, c->fresh->credentials[i]) == served)
            return true;
    }
    return false;
}

static char *all_names(const struct plan_service *service)
{
    char *text = NULL;
    size_t len;
    FILE *out = memory_stream(&text, &len);

    for (size_t i = 0; i < service->credential_count; i++)
        fprintf(out, "%s,", credential_summary(service->credentials[i])->names);
    memory_stream_close(out);
    return text;
}

/* A certificate that is left out takes along the names that no other one has. */
static void compare_dropped(const struct comparison *c)
{
    char *names = all_names(c->fresh), lost[NAMES_TEXT_MAX];

    for (size_t i = 0; i < c->served->credential_count; i++) {
        const struct credential *old = c->served->credentials[i];
        const struct credential_summary *summary = credential_summary(old);

        if (!is_replaced(c, old) && !summary->self_signed &&
            regression_names_lost(summary->names, names, lost, sizeof(lost)))
            findings_add(c->findings, "names-lost", SEVERITY_WARNING,
                c->served_settings->cert.items[i],
                "clients that connect by these names will refuse the others", keep_names,
                "it is not served any more, and no other certificate has its names: %s",
                lost);
    }
    free(names);
}

static bool compare_certificates(const struct comparison *c, struct error *err)
{
    const struct plan_service *fresh = c->fresh;

    for (size_t i = 0; i < fresh->credential_count; i++) {
        const struct credential *old = replaced_by(c, fresh->credentials[i]);

        if (old == NULL || credential_equal(old, fresh->credentials[i]))
            continue;
        if (fresh->stale[i] != NULL && is_good(credential_summary(old), c->now))
            return error_set(err, "%s", fresh->stale[i]);
        regression_compare(c->fresh_settings->cert.items[i], credential_summary(old),
            credential_summary(fresh->credentials[i]), c->findings);
    }
    compare_dropped(c);
    return true;
}

static bool refuse(
    const struct findings *findings, size_t i, const char *why_refused, struct error *err)
{
    char text[ERROR_TEXT_MAX];

    finding_sentence(&findings->items[i], text, sizeof(text));
    return error_set(err, "%s%s", text, why_refused);
}

/* Adds findings about the trusted issuers and lists; true if none is worse than stale. */
static bool trust_is_good(const struct plan_service *service,
    const struct service_settings *settings, time_t now, struct findings *findings)
{
    judge_trust(settings, service->ca, service->crl, now, findings);
    return findings_worst(findings) < SEVERITY_STALE;
}

/* The same of the issuers of backends. */
static bool backend_trust_is_good(const struct plan_service *service,
    const struct service_settings *settings, time_t now, struct findings *findings)
{
    plan_backend_tls_judge(service, settings, now, findings);
    return findings_worst(findings) < SEVERITY_STALE;
}

typedef bool trust_judge(const struct plan_service *service,
    const struct service_settings *settings, time_t now, struct findings *findings);

static bool is_no_worse(
    const struct comparison *c, trust_judge *is_good_now, struct error *err)
{
    struct findings served, fresh;
    bool good;

    findings_init(&served);
    findings_init(&fresh);
    good = is_good_now(c->fresh, c->fresh_settings, c->now, &fresh) ||
        !is_good_now(c->served, c->served_settings, c->now, &served);
    if (!good) {
        char text[ERROR_TEXT_MAX];

        finding_sentence(findings_first(&fresh, SEVERITY_STALE), text, sizeof(text));
        error_set(err, "%s", text);
    }
    findings_destroy(&served);
    findings_destroy(&fresh);
    return good;
}

/* A list or a CA that would lock clients or backends out does not replace one that admits
 * them. */
static bool compare_trust(const struct comparison *c, struct error *err)
{
    return c->force ||
        ((c->served_settings->verify == VERIFY_OFF ||
             is_no_worse(c, trust_is_good, err)) &&
            (c->served->backend_ca == NULL ||
                is_no_worse(c, backend_trust_is_good, err)));
}

/* Nor does a certificate that backends would refuse. */
static bool compare_backend_certificate(const struct comparison *c, struct error *err)
{
    const struct credential *old = c->served->backend_credential;

    if (c->force || old == NULL || c->fresh->backend_stale == NULL ||
        !is_good(credential_summary(old), c->now) ||
        credential_equal(old, c->fresh->backend_credential))
        return true;
    return error_set(err, "%s", c->fresh->backend_stale);
}

/* Its names resolve, or they keep the served addresses. */
static bool has_backend(const struct comparison *c)
{
    const struct text_list *connect = &c->fresh_settings->connect;
    struct addresses known = {.count = c->fresh->backend_count};

    for (size_t i = 0; known.count == 0 && i < connect->count; i++) {
        known.connect = connect->items[i];
        plan_backends_get(c->served_plan, &known);
    }
    return known.count > 0;
}

static bool compare_backends(const struct comparison *c, struct error *err)
{
    if (c->force || c->served->backend_count == 0 || has_backend(c))
        return true;
    return error_set(err,
        "connect %s: the name cannot be resolved, and no other backend is left; if it is "
        "meant so: wlbproxy reload --force",
        c->fresh_settings->connect.items[0]);
}

static bool compare_services(const struct comparison *c, struct error *err)
{
    const struct judged_service served = {
        c->served_settings, c->served->credentials, c->served->credential_count};
    const struct judged_service fresh = {
        c->fresh_settings, c->fresh->credentials, c->fresh->credential_count};
    size_t first = c->findings->count;

    if (!compare_backends(c, err) || !compare_certificates(c, err))
        return false;
    if (c->strict && !c->force && c->findings->count > first)
        return refuse(c->findings, first, " (strict_reload is on)", err);
    if (!compare_trust(c, err) || !compare_backend_certificate(c, err))
        return false;
    first = c->findings->count;
    if (judge_lost(&served, &fresh, c->now,
            c->force ? SEVERITY_WARNING : SEVERITY_REFUSED, c->findings) &&
        !c->force)
        return refuse(c->findings, first, "", err);
    return true;
}

bool regression_judge(const struct plan *served, const struct plan *fresh, bool force,
    time_t now, struct findings *findings, struct error *err)
{
    for (size_t i = 0; i < fresh->settings->service_count; i++) {
        const struct service_settings *settings = &fresh->settings->services[i];
        const struct plan_service *old = plan_service(served, settings->name);

        if (old == NULL)
            continue;
        const struct comparison comparison = {
            .served_plan = served,
            .served = old,
            .fresh = &fresh->services[i],
            .served_settings = &served->settings->services[old - served->services],
            .fresh_settings = settings,
            .force = force,
            .strict = fresh->settings->strict_reload,
            .now = now,
            .findings = findings,
        };

        if (!compare_services(&comparison, err))
            return error_context(err, "service %s", settings->name);
    }
    return true;
}
