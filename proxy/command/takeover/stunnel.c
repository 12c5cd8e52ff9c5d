#include "proxy/command/takeover/stunnel.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_file.h"
#include "config/path.h"
#include "config/remedy.h"
#include "config/stunnel_text.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/takeover/shell.h"
#include "proxy/master/port_owner.h"

enum { COMMAND_LINE_MAX = 16 * 1024 };

/* ---- processes ---- */

static size_t read_proc(pid_t pid, const char *what, char *text, size_t size)
{
    char path[64];
    FILE *file;
    size_t len = 0;

    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, what);
    file = fopen(path, "re");
    if (file != NULL) {
        len = fread(text, 1, size - 1, file);
        (void)fclose(file);
    }
    text[len] = '\0';
    return len;
}

void process_name(pid_t pid, char name[PROCESS_NAME_MAX])
{
    (void)read_proc(pid, "comm", name, PROCESS_NAME_MAX);
    name[strcspn(name, "\n")] = '\0';
}

bool process_is_gone(pid_t pid)
{
    char stat[512];
    const char *state;

    if (read_proc(pid, "stat", stat, sizeof(stat)) == 0)
        return true;
    state = strrchr(stat, ')');
    return state != NULL && state[1] == ' ' && (state[2] == 'Z' || state[2] == 'X');
}

static bool is_stunnel(pid_t pid)
{
    char name[PROCESS_NAME_MAX];

    process_name(pid, name);
    return !process_is_gone(pid) && strncmp(name, "stunnel", 7) == 0;
}

/* ---- what its configuration says ---- */

/* A global option; the caller frees. NULL: it is not there. */
static char *global_option(const char *config, const char *name)
{
    struct stunnel_text text = {.name = config};
    const struct stunnel_line *line;
    char *value = NULL, *bytes;
    struct error err;
    bool missing;

    bytes = config_file_read(config, &missing, &err);
    if (bytes != NULL && stunnel_text_parse(&text, bytes, &err)) {
        size_t end = stunnel_scope_end(&text, 0);

        line = stunnel_find(&text, 0, end, name);
        value = line != NULL ? memory_text(line->value) : NULL;
    }
    stunnel_text_destroy(&text);
    free(bytes);
    return value;
}

/* 0: it has none, or nobody of that number is stunnel. */
static pid_t pid_of_file(const char *config)
{
    char *file = global_option(config, "pid"), *root = global_option(config, "chroot");
    char *path =
        memory_format("%s%s", root != NULL ? root : "", file != NULL ? file : "");
    FILE *from = file != NULL && *file != '\0' ? fopen(path, "re") : NULL;
    long pid = 0;

    if (from != NULL && fscanf(from, "%ld", &pid) != 1)
        pid = 0;
    if (from != NULL)
        (void)fclose(from);
    free(path);
    free(root);
    free(file);
    return pid > 1 && is_stunnel((pid_t)pid) ? (pid_t)pid : 0;
}

/* ---- which process it is ---- */

static bool find_process(struct stunnel *s, const char *config, const unsigned *ports,
    size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char name[PROCESS_NAME_MAX];
        pid_t pid = port_owner_pid(ports[i]);

        if (pid == 0)
            continue;
        process_name(pid, name);
        if (!is_stunnel(pid))
            return error_set(err, "port %u is held by %s (pid %ld), which is not stunnel",
                ports[i], name, (long)pid);
        if (s->pid != 0 && s->pid != pid)
            return error_set(err, "two processes hold its ports: pid %ld and pid %ld",
                (long)s->pid, (long)pid);
        s->pid = pid;
    }
    if (s->pid == 0)
        s->pid = pid_of_file(config);
    return s->pid != 0 ||
        error_set(err,
            "stunnel does not run with %s: nobody holds its ports, and its pid file "
            "names no stunnel",
            config);
}

/* Its only operand, where it has one, is a configuration. */
static bool is_this_configuration(const char *word, const char *config)
{
    if (*word == '/')
        return is_same_path(word, config);
    return strcmp(name_of_path(word), name_of_path(config)) == 0;
}

/* The program's file, and the words behind it; a configuration by its whole path, for it
 * may have been started in another folder. */
static char *command_line(pid_t pid, const char *config, struct error *err)
{
    char link[64], exe[PATH_MAX], *words = memory_raw(COMMAND_LINE_MAX);
    size_t len = read_proc(pid, "cmdline", words, COMMAND_LINE_MAX), at;
    ssize_t got;
    char *line, *longer, *word;

    (void)snprintf(link, sizeof(link), "/proc/%ld/exe", (long)pid);
    got = readlink(link, exe, sizeof(exe) - 1);
    exe[got > 0 ? got : 0] = '\0';
    line = shell_word(got > 0 && access(exe, X_OK) == 0 ? exe : words);
    for (at = strlen(words) + 1; at < len && line != NULL; at += strlen(words + at) + 1) {
        bool is_option = words[at] == '-';

        if (!is_option && !is_this_configuration(words + at, config)) {
            error_set(err, "stunnel (pid %ld) runs with %s, not with %s", (long)pid,
                words + at, config);
            free(line);
            line = NULL;
            break;
        }
        word = shell_word(is_option ? words + at : config);
        longer = memory_format("%s %s", line, word);
        free(word);
        free(line);
        line = longer;
    }
    free(words);
    return line;
}

/* ---- its unit ---- */

/* As the kernel has it: ".../system.slice/stunnel4.service". */
static char *unit_by_cgroup(pid_t pid)
{
    char text[4096], *name, *end;

    (void)read_proc(pid, "cgroup", text, sizeof(text));
    end = strstr(text, ".service\n");
    if (end == NULL)
        return NULL;
    end[strlen(".service")] = '\0';
    name = strrchr(text, '/');
    return name != NULL && strncmp(name + 1, "stunnel", 7) == 0 ? memory_text(name + 1)
                                                                : NULL;
}

static char *unit_by_manager(pid_t pid)
{
    char units[4096], answer[64], *rest = units, *line, *command;

    if (!shell_ask("systemctl list-units --type=service --state=active --plain "
                   "--no-legend 'stunnel*'",
            units, sizeof(units)))
        return NULL;
    while ((line = strsep(&rest, "\n")) != NULL) {
        line[strcspn(line, " ")] = '\0';
        if (strncmp(line, "stunnel", 7) != 0 || strpbrk(line, "'\\") != NULL)
            continue;
        command = memory_format("systemctl show --property=MainPID --value '%s'", line);
        if (shell_ask(command, answer, sizeof(answer)) && atol(answer) == (long)pid) {
            free(command);
            return memory_text(line);
        }
        free(command);
    }
    return NULL;
}

static void use_unit(struct stunnel *s)
{
    char *ask = memory_format("systemctl is-enabled %s", s->unit);
    char answer[64];

    s->is_enabled = shell_ask(ask, answer, sizeof(answer));
    s->stop = memory_format("systemctl stop %s", s->unit);
    s->start = memory_format("systemctl start %s", s->unit);
    free(ask);
}

/* ---- all of it ---- */

static bool stays_in_foreground(const char *config)
{
    char *value = global_option(config, "foreground");
    bool stays = value != NULL && strcasecmp(value, "no") != 0;

    free(value);
    return stays;
}

/* Root starts it again, and only root can be sure to start it as it was. */
static bool is_ours_to_start(pid_t pid, const char *config, struct error *err)
{
    char path[64], *setuid = global_option(config, "setuid");
    struct stat state;
    bool good;

    (void)snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
    good = stat(path, &state) != 0 || state.st_uid == geteuid() ||
        (setuid != NULL && geteuid() == 0);
    free(setuid);
    return good ||
        error_set(err,
            "stunnel (pid %ld) runs as user %ld, and its configuration does not say so "
            "(setuid): run this as that user",
            (long)pid, (long)state.st_uid);
}

static bool use_process(struct stunnel *s, const char *config, struct error *err)
{
    char *line;

    if (!is_ours_to_start(s->pid, config, err))
        return false;
    line = command_line(s->pid, config, err);
    if (line == NULL)
        return false;
    s->stop = memory_format("kill %ld", (long)s->pid);
    s->start = stays_in_foreground(config)
        ? memory_format("setsid %s </dev/null >/dev/null 2>&1 &", line)
        : memory_text(line);
    free(line);
    return true;
}

bool stunnel_locate(struct stunnel *s, const char *config, const unsigned *ports,
    size_t count, struct error *err)
{
    *s = (struct stunnel){0};
    if (!find_process(s, config, ports, count, err))
        return false;
    s->unit = unit_by_cgroup(s->pid);
    if (s->unit == NULL)
        s->unit = unit_by_manager(s->pid);
    if (s->unit == NULL)
        return use_process(s, config, err);
    use_unit(s);
    return true;
}

void stunnel_destroy(struct stunnel *s)
{
    free(s->unit);
    free(s->stop);
    free(s->start);
    *s = (struct stunnel){0};
}
