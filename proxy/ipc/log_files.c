#include "proxy/ipc/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"

static const struct sockaddr_un syslog_address = {AF_UNIX, "/dev/log"};
static const struct sockaddr_un journal_address = {
    AF_UNIX, "/run/systemd/journal/socket"};

static int open_socket(
    const struct sockaddr_un *address, const char *daemon, struct error *err)
{
    const int room = 8 << 20; /* asked for, as sd_journal_send(3) does */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        return fd;
    }
    error_set(
        err, "%s: %s; is %s running?", address->sun_path, error_reason(errno), daemon);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Standard error that leads to the journal is only a stream of lines. Where the journal's
 * socket can be reached, lines get fields. */
static int open_stderr(enum log_kind *kind)
{
    struct error unused;
    int fd = -1;

    *kind = log_kind_of_stderr();
    if (*kind == LOG_KIND_JOURNAL_STREAM)
        fd = open_socket(&journal_address, "", &unused);
    if (fd < 0)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    *kind = LOG_KIND_JOURNAL;
    return fd;
}

static bool cannot_log(const char *path, struct error *err)
{
    return error_set(
        err, "%s: cannot be opened for the log: %s", path, error_reason(errno));
}

/* O_NONBLOCK: a FIFO that is full or has no reader must not stop us. */
static int open_file(const char *path, struct error *err)
{
    int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);

    if (fd < 0)
        (void)cannot_log(path, err);
    return fd;
}

static int open_target(const char *where, enum log_kind *kind, struct error *err)
{
    if (strcmp(where, "stderr") == 0)
        return open_stderr(kind);
    *kind = LOG_KIND_SYSLOG;
    if (strcmp(where, "syslog") == 0)
        return open_socket(&syslog_address, "a syslog daemon", err);
    *kind = LOG_KIND_JOURNAL;
    if (strcmp(where, "journal") == 0)
        return open_socket(&journal_address, "systemd-journald", err);
    *kind = LOG_KIND_FILE;
    return open_file(where, err);
}

/* Like open_file(), but makes no file. */
static bool check_file(const char *path, struct error *err)
{
    char *folder = memory_text(path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool good = fd >= 0;

    if (fd >= 0)
        close(fd);
    else if (errno == ENOENT) {
        *(folder == strrchr(folder, '/') ? folder + 1 : strrchr(folder, '/')) = '\0';
        good = access(folder, W_OK | X_OK) == 0;
    }
    free(folder);
    return good || cannot_log(path, err);
}

static bool check_target(const char *where, struct error *err)
{
    static const char *const others[] = {"stderr", "syslog", "journal", "off"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(where, others[i]) == 0)
            return true;
    }
    return check_file(where, err);
}

bool logs_check(const struct settings *settings, struct error *err)
{
    if (!check_target(settings->log, err))
        return error_context(err, "log");
    return check_target(settings->access_log, err) || error_context(err, "access_log");
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum log_level)i;
    }
    return LOG_LEVEL_INFO;
}

bool logs_open(struct logs *logs, const struct settings *settings, struct error *err)
{
    error_set(err, "stderr: %s", "closed");
    logs->level = level_of(settings->log_level);
    logs->access_kind = LOG_KIND_FILE;
    logs->access = -1;
    logs->log = open_target(settings->log, &logs->log_kind, err);
    if (logs->log < 0)
        return error_context(err, "log");
    if (strcmp(settings->access_log, "off") == 0)
        return true;
    logs->access = open_target(settings->access_log, &logs->access_kind, err);
    if (logs->access >= 0)
        return true;
    logs_close(logs);
    return error_context(err, "access_log");
}

void logs_close(struct logs *logs)
{
    if (logs->log >= 0)
        close(logs->log);
    if (logs->access >= 0)
        close(logs->access);
    logs->log = logs->access = -1;
}

void logs_use(const struct logs *logs, const char *who)
{
    log_open(logs->log, logs->log_kind, logs->level, who);
    access_log_open(logs->access, logs->access_kind);
}

/* The journal's stream is what there was while the journal could not be reached. */
static bool is_daemon(enum log_kind kind)
{
    return kind == LOG_KIND_SYSLOG || kind == LOG_KIND_JOURNAL ||
        kind == LOG_KIND_JOURNAL_STREAM;
}

bool logs_use_daemon(const struct logs *logs)
{
    return is_daemon(logs->log_kind) ||
        (logs->access >= 0 && is_daemon(logs->access_kind));
}

void logs_to_message(const struct logs *logs, struct message *m, char body[LOGS_BODY])
{
    struct wire_writer w = {.bytes = body, .capacity = LOGS_BODY};

    wire_put_u32(&w, logs->level);
    wire_put_u32(&w, logs->access >= 0);
    *m = (struct message){.type = MESSAGE_LOGS, .body = body, .len = w.len};
}

void logs_take_message(const struct message *m)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};
    enum log_level level = (enum log_level)wire_get_u32(&r);
    bool access = wire_get_u32(&r) != 0;

    if (!wire_ended(&r))
        return;
    access_log_flush();
    log_open(STDERR_FILENO, LOG_KIND_PARENT, level, "");
    access_log_open(access ? STDERR_FILENO : -1, LOG_KIND_PARENT);
}
