#include "proxy/master/denied_json.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/settings.h"
#include "proxy/base/utf8_json.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/master/describe.h"

static const struct worker_denied_stats *last_of(
    struct worker_stats *const *reports, unsigned count)
{
    const struct worker_denied_stats *last = NULL;

    for (unsigned i = 0; i < count; i++) {
        if (reports[i] != NULL && *reports[i]->denied.address != '\0' &&
            (last == NULL || reports[i]->denied.ago_ms < last->ago_ms))
            last = &reports[i]->denied;
    }
    return last;
}

/* The rule is "deny = NETWORK", or "allow" for a list that does not have the address. */
static bool is_allow(const char *rule)
{
    return strcmp(rule, "allow") == 0;
}

static unsigned line_in(const struct service_settings *service, const char *rule)
{
    if (is_allow(rule))
        return service->allow.count > 0 ? service->allow.lines[0] : 0;
    for (size_t i = 0; i < service->deny.count; i++) {
        const char *network = strrchr(rule, ' ');

        if (network != NULL && strcmp(service->deny.items[i], network + 1) == 0)
            return service->deny.lines[i];
    }
    return 0;
}

/* 0: a reload has removed the rule. */
static unsigned line_of(
    const struct settings *settings, const struct worker_denied_stats *denied)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        if (strcmp(settings->services[i].name, denied->service) == 0)
            return line_in(&settings->services[i], denied->rule);
    }
    return 0;
}

static json_t *remedy(
    const struct worker_denied_stats *denied, const char *config_path, unsigned line)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char text[PATH_MAX + 400];

    if (line == 0)
        return json_string("the rule is no longer in the configuration");
    /* A taken worker may say anything: what it says is advised only if it is an address.
     */
    if (inet_pton(AF_INET, denied->address, binary) != 1 &&
        inet_pton(AF_INET6, denied->address, binary) != 1)
        return json_string("what the worker says is no address");
    if (is_allow(denied->rule))
        snprintf(text, sizeof(text),
            "no allow has it: to let it in, add \"allow = %s\" at %s:%u, then "
            "wlbproxy reload",
            denied->address, config_path, line);
    else
        snprintf(text, sizeof(text),
            "%s:%u has \"%s\": to let it in, change that line, then wlbproxy reload",
            config_path, line, denied->rule);
    return utf8_json(text);
}

json_t *denied_json(const struct settings *settings, const char *config_path,
    struct worker_stats *const *reports, unsigned count)
{
    const struct worker_denied_stats *denied = last_of(reports, count);

    if (denied == NULL)
        return NULL;
    const unsigned line = line_of(settings, denied);
    const time_t when = time(NULL) - (time_t)(denied->ago_ms / 1000);
    return json_pack("{so so so sI so so}", "address", utf8_json(denied->address),
        "service", utf8_json(denied->service), "rule", utf8_json(denied->rule), "line",
        (json_int_t)line, "when", describe_time(when), "text",
        remedy(denied, config_path, line));
}
