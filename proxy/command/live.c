#include "proxy/command/live.h"

#include <string.h>

#include "proxy/base/error.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/probe.h"

struct wanted {
    const char *file, *sha256;
    size_t found;
};

static bool confirm_certificate(const struct daemon *daemon, const json_t *service,
    const json_t *certificate, struct wanted *wanted, struct live_answer *answer,
    struct error *err)
{
    size_t workers;

    if (strcmp(json_text(certificate, "file"), wanted->file) != 0)
        return true;
    wanted->found++;
    if (strcmp(json_text(certificate, "sha256"), wanted->sha256) != 0)
        return error_set(err, "[%s] has loaded another certificate from %s, sha256 %s",
            json_text(service, "name"), wanted->file, json_text(certificate, "sha256"));
    if (!probe_service(daemon, service, certificate, &workers, err))
        return false;
    if (workers > answer->workers)
        answer->workers = workers;
    return true;
}

static bool confirm(const struct daemon *daemon, struct wanted *wanted,
    struct live_answer *answer, struct error *err)
{
    const json_t *service, *certificate;
    size_t i, k;

    json_array_foreach(json_object_get(answer->verdict, "services"), i, service)
    {
        json_array_foreach(json_object_get(service, "certificates"), k, certificate)
        {
            if (!confirm_certificate(daemon, service, certificate, wanted, answer, err))
                return false;
        }
    }
    return true;
}

enum live live_reload(const struct daemon *daemon, const char *file, const char *sha256,
    bool force, struct live_answer *answer, struct error *err)
{
    struct wanted wanted = {.file = file, .sha256 = sha256};
    struct control_answer control;

    *answer = (struct live_answer){0};
    if (daemon_is_absent(daemon))
        return LIVE_ABSENT;
    if (!daemon_reload(daemon, force, false, &control, err))
        return LIVE_REFUSED;
    answer->verdict = json_incref(control.json);
    control_answer_destroy(&control);
    if (!json_is_true(json_object_get(answer->verdict, "ok"))) {
        error_set(err, "the reload was refused: %s", json_text(answer->verdict, "error"));
        return LIVE_REFUSED;
    }
    if (!confirm(daemon, &wanted, answer, err))
        return LIVE_REFUSED;
    return wanted.found > 0 ? LIVE_CONFIRMED : LIVE_UNUSED;
}

void live_answer_destroy(struct live_answer *answer)
{
    json_decref(answer->verdict);
    answer->verdict = NULL;
}
