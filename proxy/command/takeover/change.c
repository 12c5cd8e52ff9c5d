#include "proxy/command/takeover/change.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certstore/install/folder.h"
#include "config/config_file.h"
#include "config/migrate.h"
#include "config/settings.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/takeover/shell.h"
#include "proxy/command/takeover/stunnel.h"
#include "proxy/master/port_owner.h"

enum { PAUSE_MS = 50, START_MS = 60 * 1000, FREE_MS = 10 * 1000, ENDING_MS = 3000 };
enum { STEP_THAT_STOPS = 3 }; /* from this step on stunnel may have been told to stop */

/* ---- what is served ---- */

bool change_read(struct change *c, const char *path, struct error *err)
{
    struct migration migration = {0};
    bool missing, good;
    char *text = config_file_read(path, &missing, err);

    if (text == NULL)
        return false;
    good = migrate_stunnel(text, path, &migration, err);
    free(text);
    if (good && *migration.losses != '\0') {
        fputs(migration.losses, stderr);
        good = error_set(
            err, "wlbproxy cannot do all that %s asks for: nothing is taken over", path);
    }
    if (good) {
        c->text = migration.text;
        migration.text = NULL;
        c->settings = settings_parse(c->text, path, err);
        good = c->settings != NULL;
    }
    migration_destroy(&migration);
    return good && look_init(&c->look, c->settings, err);
}

void change_destroy(struct change *c)
{
    takeover_record_destroy(&c->record);
    look_destroy(&c->look);
    settings_free(c->settings);
    free(c->text);
    free(c->record_path);
}

/* ---- waiting ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void change_hold_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool change_is_interrupted(struct error *err)
{
    if (interrupted != 0)
        error_set(err, "interrupted by signal %d", (int)interrupted);
    return interrupted != 0;
}

static void pause_for_a_moment(void)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};

    (void)nanosleep(&pause, NULL);
}

/* The process that listens on one of the ports; "": nobody does, or it is hidden. */
static void owner_name(const struct change *c, char name[PROCESS_NAME_MAX])
{
    unsigned port = look_held_port(&c->look);

    *name = '\0';
    if (port != 0)
        process_name(port_owner_pid(port), name);
}

static bool await_ports(const struct change *c, int ms)
{
    int64_t end = clock_now_ms() + ms;

    while (look_held_port(&c->look) != 0 && clock_now_ms() < end)
        pause_for_a_moment();
    return look_held_port(&c->look) == 0;
}

bool change_await_ports(const struct change *c, int ms, struct error *err)
{
    char name[PROCESS_NAME_MAX];

    if (await_ports(c, ms))
        return true;
    owner_name(c, name);
    return error_set(err, "port %u is still held by %s", look_held_port(&c->look),
        *name != '\0' ? name : "a process that cannot be seen");
}

bool change_run(const char *line, struct error *err)
{
    if (line == NULL)
        return true;
    print_command(stdout, "         ", line);
    return shell_run(line, err);
}

static bool run_and_free(char *line, struct error *err)
{
    bool good = change_run(line, err);

    free(line);
    return good;
}

/* ---- wlbproxy ---- */

static bool await_proxy(
    const struct change *c, const struct daemon *daemon, struct error *err)
{
    int64_t end = clock_now_ms() + START_MS;

    while (daemon_is_absent(daemon)) {
        if (way_has_ended(c->way, c->record.config))
            return error_set(err, "wlbproxy has ended by itself");
        if (clock_now_ms() > end)
            return error_set(err, "wlbproxy does not serve after a minute");
        if (interrupted != 0)
            return error_set(err, "it was not waited for any longer");
        pause_for_a_moment();
    }
    return true;
}

static bool complain_of_start(const struct change *c, struct error *err)
{
    char *said = way_complaint(c->way, c->record.config);

    if (said != NULL)
        fprintf(stderr, "%s", said);
    free(said);
    return error_context(err, "wlbproxy did not come to serve");
}

bool change_start_proxy(const struct change *c, struct error *err)
{
    struct daemon daemon;
    bool good;

    if (!daemon_find(&daemon, c->record.config, NULL, err))
        return false;
    good = run_and_free(way_start(c->way, c->record.config), err) &&
        await_proxy(c, &daemon, err);
    if (!good)
        (void)complain_of_start(c, err);
    good = good && look_after(&c->look, &daemon, err);
    daemon_forget(&daemon);
    return good;
}

static char *stop_line(const struct change *c, bool hurry)
{
    return way_stop(c->way, c->record.config, c->look.ports, c->look.port_count, hurry);
}

static bool stunnel_holds_a_port(const struct change *c)
{
    char name[PROCESS_NAME_MAX];

    owner_name(c, name);
    return strncmp(name, "stunnel", 7) == 0;
}

/* The service manager keeps its sockets until it has ended. */
static bool proxy_holds_a_port(const struct change *c)
{
    char name[PROCESS_NAME_MAX];

    owner_name(c, name);
    return strncmp(name, "wlbproxy", 8) == 0 || strcmp(name, "systemd") == 0;
}

static bool await_proxys_end(const struct change *c)
{
    int64_t end = clock_now_ms() + FREE_MS;

    while (proxy_holds_a_port(c) && clock_now_ms() < end)
        pause_for_a_moment();
    return !proxy_holds_a_port(c);
}

/* Stops wlbproxy and waits until its ports are free. */
static bool stop_proxy(const struct change *c, struct error *err)
{
    if (!run_and_free(stop_line(c, false), err))
        return false;
    if (await_proxys_end(c))
        return true;
    /* Connections that are busy keep it. */
    if (!run_and_free(stop_line(c, true), err))
        return false;
    return await_proxys_end(c) || error_set(err, "wlbproxy does not give its ports back");
}

/* ---- stunnel, and the way back ---- */

static bool recorded_process_runs(const struct change *c)
{
    const pid_t pid = (pid_t)c->record.stunnel_pid;
    char name[PROCESS_NAME_MAX];

    if (pid <= 1)
        return false;
    process_name(pid, name);
    return strncmp(name, "stunnel", 7) == 0 && !process_is_gone(pid);
}

/* The process that was to be stopped may never have been. */
static bool stunnel_runs(const struct change *c)
{
    return stunnel_holds_a_port(c) ||
        (c->record.stunnel_unit == NULL && recorded_process_runs(c));
}

/* The call that told it to stop may have been killed: until it has ended it holds the
 * ports, and would be taken for one that serves. */
static void await_stunnels_end(const struct change *c)
{
    const int64_t end = clock_now_ms() + ENDING_MS;

    while (c->record.step >= STEP_THAT_STOPS && recorded_process_runs(c) &&
        clock_now_ms() < end)
        pause_for_a_moment();
}

static bool await_stunnel(const struct change *c, struct error *err)
{
    int64_t end = clock_now_ms() + FREE_MS;
    bool good;

    while (!(good = look_shakes_hands(&c->look, err)) && clock_now_ms() < end)
        pause_for_a_moment();
    return good || error_context(err, "stunnel does not serve");
}

static bool start_stunnel(const struct change *c, struct error *err)
{
    char *enable;
    bool good;

    await_stunnels_end(c);
    if (!stunnel_runs(c)) {
        (void)await_ports(c, FREE_MS); /* else it will say what it lacks */
        if (!change_run(c->record.stunnel_start, err))
            return error_context(err, "stunnel did not start");
    }
    if (!await_stunnel(c, err))
        return false;
    if (c->record.stunnel_unit == NULL || !c->record.stunnel_enabled)
        return true;
    enable = memory_format("systemctl enable %s", c->record.stunnel_unit);
    good = change_run(enable, err);
    free(enable);
    return good;
}

/* The kept file is there only if one was moved away. */
static bool put_config_back(const struct takeover_record *r, struct error *err)
{
    if (r->step < 2)
        return true; /* it was not touched */
    if (r->kept == NULL)
        return file_unlink(r->config, err);
    if (rename(r->kept, r->config) == 0 || errno == ENOENT)
        return true;
    return error_set(
        err, "%s cannot be put back to %s: %s", r->kept, r->config, strerror(errno));
}

bool change_go_back(struct change *c, struct error *err)
{
    char *disable = way_disable(c->way);
    bool good;

    interrupted = 0;
    good = stop_proxy(c, err) && change_run(disable, err) && start_stunnel(c, err) &&
        put_config_back(&c->record, err);
    free(disable);
    if (!good)
        return false;
    way_tidy(c->way, c->record.config);
    return file_unlink(c->record_path, err);
}
