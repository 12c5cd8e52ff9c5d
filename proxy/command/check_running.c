#include "proxy/command/check_running.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- whether the files could be read ---- */

static bool become(uid_t uid)
{
    const struct passwd *account = getpwuid(uid);

    return account != NULL && initgroups(account->pw_name, account->pw_gid) == 0 &&
        setgid(account->pw_gid) == 0 && setuid(uid) == 0;
}

/* Only the kernel knows what groups, lists and folders allow, so a process of that user
 * tries. */
static bool can_read(uid_t uid, const char *path)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(become(uid) && access(path, R_OK) != 0 ? 1 : 0);
    return child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) == 0;
}

static void try_reading(
    uid_t uid, const struct text_list *files, struct findings *findings)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i][0] == '\0' || access(files->items[i], R_OK) != 0 ||
            can_read(uid, files->items[i]))
            continue;
        findings_add(findings, "unreadable-when-running", SEVERITY_WARNING,
            files->items[i], "its next reload will be refused",
            "start it as root, who gives up everything but reading these files",
            "the running proxy is of user %ld, who may not read it", (long)uid);
    }
}

/* A proxy that was started as root can read every file. */
static void check_reader(
    const json_t *status, const struct settings *settings, struct findings *findings)
{
    char process[64];
    struct stat state;

    snprintf(process, sizeof(process), "/proc/%llu",
        (unsigned long long)json_number(status, "pid"));
    if (geteuid() != 0 || stat(process, &state) != 0 || state.st_uid == 0)
        return;
    for (size_t i = 0; i < settings->service_count; i++) {
        try_reading(state.st_uid, &settings->services[i].cert, findings);
        try_reading(state.st_uid, &settings->services[i].key, findings);
    }
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
        if (is_same_path(json_text(answer.json, "config"), config)) {
            compare(config, answer.json, findings);
            check_reader(answer.json, plan->settings, findings);
        }
        control_answer_destroy(&answer);
    }
    daemon_forget(&daemon);
}
