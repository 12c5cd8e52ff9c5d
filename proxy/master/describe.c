#include "proxy/master/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/trust.h"
#include "config/endpoint.h"
#include "config/remedy.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8_json.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"

enum { DAY = 24 * 60 * 60, TIME_TEXT = 32, QUOTED = 640, NAMES_SHOWN = 120 };

static const char *rfc3339(time_t when, char text[TIME_TEXT])
{
    struct tm utc;

    gmtime_r(&when, &utc);
    strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

json_t *describe_time(time_t when)
{
    char text[TIME_TEXT];

    return json_string(rfc3339(when, text));
}

json_t *describe_certificate(
    const char *file, const struct credential_summary *summary, time_t now)
{
    long long left = (long long)(summary->not_after - now);

    return json_pack("{so so so so ss ss ss so so sI sI}", "file", utf8_json(file),
        "subject", utf8_json(summary->subject), "names", utf8_json(summary->names),
        "issuer", utf8_json(summary->issuer), "serial", summary->serial, "sha256",
        summary->sha256, "key", summary->key, "not_before",
        describe_time(summary->not_before), "not_after",
        describe_time(summary->not_after), "days_left",
        (json_int_t)(left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY)), "chain_len",
        (json_int_t)summary->chain_len);
}

json_t *describe_certificates(
    const struct plan_service *service, const struct service_settings *settings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < service->credential_count; i++)
        json_array_append_new(list,
            describe_certificate(settings->cert.items[i],
                credential_summary(service->credentials[i]), time(NULL)));
    return list;
}

static json_t *describe_accept(const struct plan *plan, size_t service)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->listener_count; i++) {
        for (size_t k = 0; k < plan->listeners[i].service_count; k++) {
            if (plan->listeners[i].services[k] == service)
                json_array_append_new(list, utf8_json(plan->listeners[i].address.text));
        }
    }
    return list;
}

/* As in the configuration: "tls:" stands before an address that is connected to by TLS.
 */
static json_t *describe_connect(
    const struct service_settings *settings, const struct plan_service *service)
{
    json_t *list = json_array();
    char text[sizeof("tls:") + ENDPOINT_TEXT_MAX];

    for (size_t i = 0; i < service->backend_count; i++) {
        const struct snapshot_backend *backend = &service->backends[i];
        const char *line = settings->connect.items[backend->connect];
        const bool tls = strncmp(line, "tls:", strlen("tls:")) == 0;

        snprintf(text, sizeof(text), "%s%s", tls ? "tls:" : "", backend->endpoint.text);
        json_array_append_new(list, utf8_json(text));
    }
    return list;
}

json_t *describe_services(const struct plan *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct service_settings *settings = &plan->settings->services[i];

        json_array_append_new(list,
            json_pack("{so so so ss ss so}", "name", utf8_json(settings->name), "accept",
                describe_accept(plan, i), "connect",
                describe_connect(settings, &plan->services[i]), "protocol",
                settings->protocol == PROTOCOL_HTTP ? "http" : "tcp", "tls_engine",
                settings->tls_engine == TLS_ENGINE_NATIVE ? "native" : "openssl",
                "certificates", describe_certificates(&plan->services[i], settings)));
    }
    return list;
}

static void add_trust(json_t *object, const struct plan_service *service)
{
    struct trust_member *members;
    size_t count = trust_members(service->ca, service->crl, &members);
    json_t *authorities = json_array(), *lists = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct trust_member *it = &members[i];

        if (it->is_list)
            json_array_append_new(lists,
                json_pack("{so so}", "issuer", utf8_json(it->title), "next_update",
                    describe_time(it->to)));
        else
            json_array_append_new(authorities,
                json_pack("{so so}", "subject", utf8_json(it->title), "not_after",
                    describe_time(it->to)));
    }
    json_object_set_new(object, "cas", authorities);
    json_object_set_new(object, "crls", lists);
    free(members);
}

void describe_trust(json_t *services, const struct plan *plan)
{
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        if (plan->services[i].ca != NULL)
            add_trust(json_array_get(services, i), &plan->services[i]);
    }
}

static const char *severity_text(enum severity severity)
{
    static const char *const texts[] = {"note", "warning", "stale", "refused"};

    return texts[severity];
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(object, key, utf8_json(text));
}

/* Sets the sentence, and the commands in it one by one. */
static void set_remedy(json_t *object, const char *remedy)
{
    json_t *commands = json_array();
    char *text, *command;

    if (remedy != NULL) {
        text = remedy_plain(remedy);
        set_text(object, "remedy", text);
        free(text);
        while ((command = remedy_command(&remedy)) != NULL) {
            json_array_append_new(commands, utf8_json(command));
            free(command);
        }
    }
    if (json_array_size(commands) > 0)
        json_object_set(object, "commands", commands);
    json_decref(commands);
}

json_t *describe_findings(const struct findings *findings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->items[i];
        json_t *object =
            json_pack("{ss ss}", "id", f->id, "severity", severity_text(f->severity));

        set_text(object, "file", f->file);
        set_text(object, "fact", f->fact);
        set_text(object, "why", f->why);
        set_remedy(object, f->remedy);
        json_array_append_new(list, object);
    }
    return list;
}

static void certificate_to_log(
    uint32_t generation, const char *service, const struct credential_summary *summary)
{
    char subject[QUOTED], names[QUOTED], until[TIME_TEXT];

    log_info("event=serving generation=%u service=%s subject=%s names=%s serial=%s "
             "sha256=%s key=\"%s\" chain=%zu not_after=%s",
        generation, service,
        log_quote(subject, sizeof(subject), summary->subject, strlen(summary->subject)),
        log_quote(names, sizeof(names), summary->names, strlen(summary->names)),
        summary->serial, summary->sha256, summary->key, summary->chain_len,
        rfc3339(summary->not_after, until));
}

void describe_to_log(const struct release *release)
{
    const struct plan *plan = release->plan;

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        for (size_t k = 0; k < plan->services[i].credential_count; k++)
            certificate_to_log(release->id, plan->settings->services[i].name,
                credential_summary(plan->services[i].credentials[k]));
    }
}

static size_t add(char *text, size_t size, size_t at, const char *piece)
{
    int len = snprintf(text + at, size - at, "%s", piece);

    return len > 0 && (size_t)len < size - at ? at + (size_t)len : at;
}

static size_t status_of_service(
    const struct plan *plan, size_t index, char *text, size_t size, size_t at)
{
    const struct plan_service *service = &plan->services[index];
    char until[32], piece[NAMES_SHOWN + 64];
    struct tm tm;

    at = add(text, size, at, index == 0 ? ": " : ", ");
    at = add(text, size, at, plan->settings->services[index].name);
    for (size_t i = 0; i < service->credential_count; i++) {
        const struct credential_summary *summary =
            credential_summary(service->credentials[i]);

        strftime(until, sizeof(until), "%Y-%m-%d", gmtime_r(&summary->not_after, &tm));
        snprintf(piece, sizeof(piece), "%s%.*s until %s", i == 0 ? " (" : ", ",
            NAMES_SHOWN, summary->names, until);
        at = add(text, size, at, piece);
    }
    return add(text, size, at, service->credential_count > 0 ? ")" : "");
}

void describe_status(
    const struct release *release, bool unchanged, char *text, size_t size)
{
    size_t at;

    snprintf(text, size, "Serving generation %u%s", release->id,
        unchanged ? " (reload: nothing has changed)" : "");
    at = strlen(text);
    for (size_t i = 0; i < release->plan->settings->service_count; i++)
        at = status_of_service(release->plan, i, text, size, at);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool was_told(const struct finding *f, const struct findings *told)
{
    for (size_t i = 0; i < told->count; i++) {
        const struct finding *other = &told->items[i];

        if (same_text(f->id, other->id) && same_text(f->file, other->file) &&
            same_text(f->fact, other->fact))
            return true;
    }
    return false;
}

static bool is_worth_a_line(const struct finding *f, const struct findings *told)
{
    if (f->severity == SEVERITY_NOTE)
        return told != NULL && !was_told(f, told);
    return f->severity != SEVERITY_REFUSED;
}

void describe_findings_to_log(
    const struct findings *findings, const struct findings *told)
{
    static const enum log_level levels[] = {
        LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_ERROR};
    char text[1024];

    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->items[i];

        if (!is_worth_a_line(f, told))
            continue;
        finding_sentence(f, text, sizeof(text));
        log_at(levels[f->severity], "event=finding id=%s text=%s", f->id,
            log_quoted(text).text);
    }
}
