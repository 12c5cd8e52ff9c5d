#include "proxy/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/log_target.h"
#include "proxy/base/utf8_json.h"

static struct {
    struct log_target target;
    enum log_kind kind;
    enum log_level level;
    char who[32];
} out = {.target = {.fd = STDERR_FILENO, .lines = true}, .level = LOG_LEVEL_INFO};

static struct log_target access_log = {.fd = -1};
static bool out_opened;

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

void log_open(int fd, enum log_kind kind, enum log_level level, const char *who)
{
    log_target_open(&out.target, fd, kind != LOG_KIND_SYSLOG);
    out.kind = kind;
    out.level = level;
    snprintf(out.who, sizeof(out.who), "%s", who);
    out_opened = true;
}

enum log_kind log_kind_of_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat state;

    if (stream == NULL || sscanf(stream, "%llu:%llu", &device, &inode) != 2 ||
        fstat(STDERR_FILENO, &state) != 0)
        return LOG_KIND_FILE;
    return state.st_dev == device && state.st_ino == inode ? LOG_KIND_JOURNAL
                                                           : LOG_KIND_FILE;
}

bool log_enabled(enum log_level level)
{
    return level <= out.level;
}

bool log_goes_to(int fd)
{
    struct stat ours, other;

    return fstat(out.target.fd, &ours) == 0 && fstat(fd, &other) == 0 &&
        ours.st_dev == other.st_dev && ours.st_ino == other.st_ino;
}

/* The text of the second `now` is made once a second. */
static const char *second_text(time_t now, bool syslog)
{
    static char text[32];
    static time_t second = -1;
    static bool for_syslog;
    struct tm tm;

    if (now == second && syslog == for_syslog)
        return text;
    second = now;
    for_syslog = syslog;
    if (syslog)
        strftime(text, sizeof(text), "%b %e %H:%M:%S", localtime_r(&now, &tm));
    else
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &tm));
    return text;
}

/* RFC 5424 time for files; RFC 3164 for the local syslog, as syslog(3) writes it. */
static int prefix(char *line, size_t size, enum log_level level)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    const char *second = second_text(now.tv_sec, out.kind == LOG_KIND_SYSLOG);
    const char *separator = out.who[0] != '\0' ? ": " : "";
    if (out.kind == LOG_KIND_SYSLOG)
        return snprintf(line, size, "<%d>%s wlbproxy[%d]: %s %s%s",
            LOG_DAEMON | priorities[level], second, (int)getpid(), level_names[level],
            out.who, separator);
    if (out.kind == LOG_KIND_JOURNAL)
        return snprintf(line, size, "<%d>%s %s%s", priorities[level], level_names[level],
            out.who, separator);
    return snprintf(line, size, "%s.%03dZ %s %s%s", second, (int)(now.tv_nsec / 1000000),
        level_names[level], out.who, separator);
}

bool log_is_control(const char *character, size_t len)
{
    const unsigned char *byte = (const unsigned char *)character;

    return len == 1 ? byte[0] < ' ' || byte[0] == 0x7f
                    : len == 2 && byte[0] == 0xc2 && byte[1] < 0xa0;
}

/* Replaces control characters: a value from outside can neither end the line nor command
 * the terminal of a reader. */
static void flatten(char *text, size_t len)
{
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = utf8_character(text + i);
        if (n == 0) {
            n = 1;
            text[i] = '?';
        } else if (log_is_control(text + i, n)) {
            memset(text + i, ' ', n);
        }
    }
}

__attribute__((format(printf, 2, 0))) static void write_line(
    enum log_level level, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX];
    int saved = errno;

    if (!out_opened)
        log_open(STDERR_FILENO, LOG_KIND_FILE, out.level, "");
    size_t start = (size_t)prefix(line, sizeof(line), level);
    errno = saved; /* for %m */
    int wanted = vsnprintf(line + start, sizeof(line) - start, fmt, args);
    size_t len = strnlen(line + start, sizeof(line) - start);
    if (wanted < 0)
        len = 0;
    flatten(line + start, len);
    log_target_write(&out.target, line, start + len);
    errno = saved;
}

#define WRITE_LINE(level)                                                                \
    va_list args;                                                                        \
                                                                                         \
    if (!log_enabled(level))                                                             \
        return;                                                                          \
    va_start(args, fmt);                                                                 \
    write_line(level, fmt, args);                                                        \
    va_end(args)

void log_error(const char *fmt, ...)
{
    WRITE_LINE(LOG_LEVEL_ERROR);
}

void log_warning(const char *fmt, ...)
{
    WRITE_LINE(LOG_LEVEL_WARNING);
}

void log_info(const char *fmt, ...)
{
    WRITE_LINE(LOG_LEVEL_INFO);
}

void log_debug(const char *fmt, ...)
{
    WRITE_LINE(LOG_LEVEL_DEBUG);
}

void log_at(enum log_level level, const char *fmt, ...)
{
    WRITE_LINE(level);
}

/* Writes a byte as it stands between quotes, and returns the length. */
static size_t escape(char piece[5], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    piece[0] = '\\';
    if (byte == '"' || byte == '\\') {
        piece[1] = (char)byte;
        return 2;
    }
    if (byte >= ' ' && byte < 0x7f) {
        piece[0] = (char)byte;
        return 1;
    }
    piece[1] = 'x';
    piece[2] = hex[byte >> 4];
    piece[3] = hex[byte & 15];
    return 4;
}

const char *log_quote(char *quoted, size_t size, const char *text, size_t len)
{
    size_t used = 0;

    if (size < 3)
        return "\"\"";
    quoted[used++] = '"';
    for (size_t i = 0; i < len; i++) {
        char piece[5];
        size_t n = escape(piece, (unsigned char)text[i]);

        if (used + n + 2 > size)
            break;
        memcpy(quoted + used, piece, n);
        used += n;
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    return quoted;
}

void access_log_open(int fd, enum log_kind kind)
{
    access_log.fd = fd;
    if (fd >= 0)
        log_target_open(&access_log, fd, kind != LOG_KIND_SYSLOG);
}

bool access_log_enabled(void)
{
    return access_log.fd >= 0;
}

/* A datagram to the local syslog needs its priority and tag in front. */
static void write_syslog(const char *text, size_t len)
{
    char line[LOG_LINE_MAX];
    int saved = errno;
    size_t start = (size_t)snprintf(line, sizeof(line),
        "<%d>%s wlbproxy[%d]: ", LOG_DAEMON | LOG_INFO, second_text(time(NULL), true),
        (int)getpid());
    size_t fits = len <= sizeof(line) - start ? len : sizeof(line) - start;

    memcpy(line + start, text, fits);
    log_target_write(&access_log, line, start + fits);
    errno = saved;
}

void access_log_write(const char *line, size_t len)
{
    if (access_log.fd < 0)
        return;
    if (access_log.lines)
        log_target_write(&access_log, line, len);
    else
        write_syslog(line, len);
}

uint64_t log_lost(void)
{
    return out.target.lost + access_log.lost;
}
