#include "proxy/command/takeover/way.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/path.h"
#include "config/remedy.h"
#include "config/settings.h"
#include "proxy/base/memory.h"
#include "proxy/command/takeover/shell.h"
#include "proxy/command/takeover/stunnel.h"
#include "proxy/master/port_owner.h"

#define UNIT "wlbproxy.service"
#define RC_FILE "/etc/init.d/wlbproxy"

static const char *const names[WAYS] = {"unit", "rc", "background"};

const char *way_name(enum way way)
{
    return names[way];
}

bool way_by_name(const char *name, enum way *way)
{
    for (int i = 0; i < WAYS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *way = (enum way)i;
            return true;
        }
    }
    return false;
}

static bool is_default(const char *config)
{
    return is_same_path(config, SETTINGS_DEFAULT_FILE);
}

/* The command that systemd would run has the configuration among its words. */
static bool unit_serves(const char *config)
{
    char text[4096], *found;
    size_t len = strlen(config);

    if (!shell_ask(
            "systemctl show --property=LoadState --value " UNIT, text, sizeof(text)) ||
        strcmp(text, "loaded") != 0 ||
        !shell_ask(
            "systemctl show --property=ExecStart --value " UNIT, text, sizeof(text)))
        return false;
    if (is_default(config) && strstr(text, " -c ") == NULL)
        return true;
    found = strstr(text, config);
    return found != NULL && found > text && found[-1] == ' ' && found[len] == ' ';
}

enum way way_find(const char *config)
{
    if (unit_serves(config))
        return WAY_UNIT;
    return is_default(config) && access(RC_FILE, X_OK) == 0 ? WAY_RC : WAY_BACKGROUND;
}

static char *program_word(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[len > 0 ? len : 0] = '\0';
    return shell_word(len > 0 ? path : "wlbproxy");
}

/* The process that runs, and what it complains of at its start, are in files. */
static char *start_in_background(const char *config)
{
    char *program = program_word(), *word = shell_word(config);
    char *pid = memory_format("%s.pid", config), *pid_word = shell_word(pid);
    char *errors = memory_format("%s.errors", config), *errors_word = shell_word(errors);
    char *line =
        memory_format("setsid %s run -c %s </dev/null >/dev/null 2>%s & echo $! >%s",
            program, word, errors_word, pid_word);

    free(program);
    free(word);
    free(pid);
    free(pid_word);
    free(errors);
    free(errors_word);
    return line;
}

char *way_start(enum way way, const char *config)
{
    if (way == WAY_UNIT)
        return memory_text("systemctl start " UNIT);
    return way == WAY_RC ? memory_text(RC_FILE " start") : start_in_background(config);
}

char *way_enable(enum way way)
{
    return way == WAY_UNIT ? memory_text("systemctl enable " UNIT) : NULL;
}

char *way_disable(enum way way)
{
    return way == WAY_UNIT ? memory_text("systemctl disable " UNIT) : NULL;
}

/* ---- the process in the background ---- */

static bool is_master(pid_t pid)
{
    char name[PROCESS_NAME_MAX];

    process_name(pid, name);
    return strcmp(name, "wlbproxy") == 0 && !process_is_gone(pid);
}

static pid_t recorded_pid(const char *config)
{
    char *path = memory_format("%s.pid", config);
    FILE *file = fopen(path, "re");
    long pid = 0;

    if (file != NULL && fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    if (file != NULL)
        (void)fclose(file);
    free(path);
    return pid > 1 ? (pid_t)pid : 0;
}

/* After an upgrade it is another process than the one that was started. */
static pid_t running_pid(const char *config, const unsigned *ports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pid_t pid = port_owner_pid(ports[i]);

        if (pid != 0 && is_master(pid))
            return pid;
    }
    return is_master(recorded_pid(config)) ? recorded_pid(config) : 0;
}

char *way_stop(
    enum way way, const char *config, const unsigned *ports, size_t count, bool hurry)
{
    pid_t pid;

    if (way == WAY_UNIT)
        return memory_text(hurry ? "systemctl kill --signal=TERM --kill-who=main " UNIT
                                 : "systemctl stop --no-block " UNIT);
    pid = running_pid(config, ports, count);
    return pid != 0 ? memory_format("kill %ld", (long)pid) : NULL;
}

bool way_has_ended(enum way way, const char *config)
{
    pid_t pid = recorded_pid(config);

    return way == WAY_BACKGROUND && pid != 0 && process_is_gone(pid);
}

char *way_complaint(enum way way, const char *config)
{
    char *path = memory_format("%s.errors", config), text[2048];
    FILE *file = way == WAY_BACKGROUND ? fopen(path, "re") : NULL;
    size_t len = 0;

    if (file != NULL) {
        len = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
    }
    text[len] = '\0';
    free(path);
    return len > 0 ? memory_text(text) : NULL;
}

void way_tidy(enum way way, const char *config)
{
    static const char *const ends[] = {".pid", ".errors"};

    for (size_t i = 0; way == WAY_BACKGROUND && i < 2; i++) {
        char *path = memory_format("%s%s", config, ends[i]);

        (void)unlink(path);
        free(path);
    }
}
