#include "proxy/master/staging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/credential_load.h"
#include "config/remedy.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { NAME_MAX_LEN = 256 };

char *pending_file(const char *cert)
{
    return memory_format("%s.pending", cert);
}

static bool can_be_served(
    const char *file, const struct service_settings *service, struct findings *findings)
{
    struct findings own;
    struct error err;
    struct credential *credential;

    findings_init(&own);
    credential = credential_load(file, NULL, service->key_password_file,
        service->send_root, time(NULL), &own, &err);
    if (credential == NULL)
        findings_add(findings, "pending-unusable", SEVERITY_WARNING, file,
            "it is not served to those who want to try it; what is live is not touched",
            "put a good one there: wlbproxy cert install --pending ANSWER; or move it "
            "away: " COMMAND("mv -n FILE FILE.bad"),
            "%s", err.text);
    findings_destroy(&own);
    if (credential == NULL)
        return false;
    credential_unref(credential);
    return true;
}

/* Collects the pairs of the staging service: the pending one if there is one, else the
 * live one. False: there is none at all. */
static bool gather_pairs(const struct service_settings *service, struct text_list *cert,
    struct text_list *key, struct findings *findings)
{
    bool any = false;

    for (size_t i = 0; i < service->cert.count; i++) {
        const char *live = service->cert.items[i];
        char *file = pending_file(live);
        bool is_there = access(file, F_OK) == 0 && can_be_served(file, service, findings);

        text_list_add(cert, is_there ? file : live);
        text_list_add(key,
            is_there                     ? file
                : i < service->key.count ? service->key.items[i]
                                         : live);
        any = any || is_there;
        free(file);
    }
    return any;
}

static bool name_is_free(const struct settings *settings, const char *section,
    const char *host, struct findings *findings)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        const struct service_settings *other = &settings->services[i];

        if (strcmp(other->name, section) != 0 && !text_list_has(&other->sni, host))
            continue;
        findings_add(findings, "pending-name-taken", SEVERITY_WARNING, NULL,
            "the pending pair is not served; what is live is not touched",
            "give each service with a pending pair a name of its own: pending = NAME",
            "[%s] or the name %s is there already", section, host);
        return false;
    }
    return true;
}

static void replace(struct text_list *list, struct text_list *by)
{
    text_list_clear(list);
    *list = *by;
    *by = (struct text_list){0};
}

static void add_staging_service(struct settings *settings, size_t index,
    struct text_list *cert, struct text_list *key, struct findings *findings)
{
    const struct service_settings *live = &settings->services[index];
    struct text_list names = {0};
    struct service_settings *staging;
    char section[NAME_MAX_LEN];

    snprintf(section, sizeof(section), "%s-pending", live->name);
    if (!name_is_free(settings, section, live->pending, findings))
        return;
    staging = settings_copy_service(settings, index, section);
    text_list_add(&names, staging->pending);
    replace(&staging->sni, &names);
    replace(&staging->cert, cert);
    replace(&staging->key, key);
    staging->pending[0] = '\0';
}

void staging_add_services(struct settings *settings, struct findings *findings)
{
    const size_t count = settings->service_count;

    for (size_t i = 0; i < count; i++) {
        const struct service_settings *live = &settings->services[i];
        struct text_list cert = {0}, key = {0};

        if (*live->pending != '\0' && gather_pairs(live, &cert, &key, findings))
            add_staging_service(settings, i, &cert, &key, findings);
        text_list_clear(&cert);
        text_list_clear(&key);
    }
}
