#include "proxy/command/check_running.h"

#include <stdio.h>
#include <string.h>

#include "certstore/finding.h"
#include "config/path.h"
#include "config/remedy.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/master/plan.h"
#include "proxy/master/sockets.h"

/* ---- what is served ---- */

static void add_difference(const json_t *service, struct findings *findings)
{
    const json_t *served = json_array_get(json_object_get(service, "certificates"), 0);

    findings_add(findings, "differs-from-served", SEVERITY_WARNING,
        json_text(served, "file"),
        "clients get what was read at the last start or reload",
        COMMAND("wlbproxy reload"),
        "what is on disk is not what [%s] serves: %s, serial %s, until %.10s",
        json_text(service, "name"), json_text(served, "subject"),
        json_text(served, "serial"), json_text(served, "not_after"));
}

static void compare(const char *config, const json_t *status, struct findings *findings)
{
    const json_t *service;
    bool told = false;
    size_t i;

    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        if (!json_is_true(json_object_get(service, "differs")))
            continue;
        add_difference(service, findings);
        told = true;
    }
    /* The plan itself is good; its difference to the served one is the fault. */
    if (*json_text(status, "disk_error") != '\0')
        findings_add(findings, "reload-would-be-refused", SEVERITY_STALE, NULL,
            "what is served stays in service; a restart would take over what is on disk",
            NULL, "a reload would be refused: %s", json_text(status, "disk_error"));
    if (!told && json_is_true(json_object_get(status, "reload_pending")))
        findings_add(findings, "differs-from-served", SEVERITY_WARNING, config,
            "the running proxy goes by what was read at its last start or reload",
            COMMAND("wlbproxy reload"), "it has changed since it was put into service");
}

/* ---- whether a proxy could start ---- */

static void check_ports(const struct plan *plan, struct findings *findings)
{
    struct error err;

    for (size_t i = 0; i < plan->listener_count; i++) {
        if (!sockets_is_free(&plan->listeners[i].address, &err))
            findings_add(findings, "port-held", SEVERITY_WARNING,
                plan->listeners[i].address.text, "a start would be refused", NULL, "%s",
                err.text);
    }
}

void check_running(const char *config, const char *control, const struct plan *plan,
    struct findings *findings)
{
    struct control_answer answer;
    struct daemon daemon;
    struct error err;

    if (!daemon_find(&daemon, config, control, &err))
        return;
    if (daemon_is_absent(&daemon))
        check_ports(plan, findings);
    else if (daemon_ask(&daemon, "status", NULL, &answer, &err)) {
        if (is_same_path(json_text(answer.json, "config"), config))
            compare(config, answer.json, findings);
        control_answer_destroy(&answer);
    }
    daemon_forget(&daemon);
}
