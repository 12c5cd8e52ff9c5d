#include "proxy/master/restart_needed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/finding.h"
#include "config/endpoint.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* The first one; NULL: none. */
static const char *unix_backend(const struct settings *settings)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        const struct text_list *connect = &settings->services[i].connect;

        for (size_t k = 0; k < connect->count; k++) {
            if (endpoint_is_unix(connect->items[k]))
                return connect->items[k];
        }
    }
    return NULL;
}

void started_with_init(struct started_with *started, const struct settings *settings)
{
    started->workers = settings->workers;
    started->crypto = settings->crypto;
    started->signer = settings->signer;
    started->connects_to_unix = unix_backend(settings) != NULL;
    started->user = memory_text(settings->user);
    started->control = memory_text(settings->control);
}

void started_with_destroy(struct started_with *started)
{
    free(started->user);
    free(started->control);
    *started = (struct started_with){0};
}

bool restart_is_needed_for_unix(
    const struct started_with *started, const struct settings *fresh, struct error *err)
{
    const char *backend = unix_backend(fresh);

    if (started->connects_to_unix || backend == NULL)
        return false;
    error_set(err,
        "connect = %s: the workers were started without a unix socket to connect to, and "
        "may not; restart the service (or upgrade it with SIGUSR2) for this",
        backend);
    return true;
}

static void warn(bool differs, const char *option, struct findings *findings)
{
    if (differs)
        findings_add(findings, "needs-restart", SEVERITY_WARNING, NULL, NULL,
            "the rest is applied; restart the service (or upgrade it with SIGUSR2) for "
            "this",
            "a reload does not change '%s'", option);
}

void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings)
{
    warn(started->workers != fresh->workers, "workers", findings);
    warn(started->crypto != (uint32_t)fresh->crypto, "crypto", findings);
    warn(started->signer != fresh->signer, "signer", findings);
    warn(strcmp(started->user, fresh->user) != 0, "user", findings);
    warn(strcmp(started->control, fresh->control) != 0, "control", findings);
}
