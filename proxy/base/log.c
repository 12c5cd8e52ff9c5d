#include "proxy/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/journal_entry.h"
#include "proxy/base/log_target.h"
#include "proxy/base/utf8_json.h"

static struct {
    struct log_target target;
    enum log_kind kind;
    enum log_level level;
    struct log_origin origin;
} out = {.target = {.fd = STDERR_FILENO, .lines = true}, .level = LOG_LEVEL_INFO};

static struct log_target access_log = {.fd = -1};
static enum log_kind access_kind;
static bool out_opened;

/* A child's datagram begins with its line's level, counted from 1, or with this,
 * before lines of the access log. Anything else was written to its standard error. */
enum { MARK_ACCESS = 1 + LOG_LEVEL_DEBUG + 1, STRAY_LINES_MAX = 64 };

/* Lines of the access log that go to the parent, behind their mark. */
static struct {
    char bytes[LOG_DATAGRAM_MAX];
    size_t len, lines;
} gathered = {.bytes = {MARK_ACCESS}, .len = 1};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static bool takes_lines(enum log_kind kind)
{
    return kind == LOG_KIND_FILE || kind == LOG_KIND_JOURNAL_STREAM;
}

void log_open(int fd, enum log_kind kind, enum log_level level, const char *who)
{
    log_target_open(&out.target, fd, takes_lines(kind));
    out.kind = kind;
    out.level = level;
    snprintf(out.origin.who, sizeof(out.origin.who), "%s", who);
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
    return state.st_dev == device && state.st_ino == inode ? LOG_KIND_JOURNAL_STREAM
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
static int prefix(
    char *line, size_t size, enum log_level level, const struct log_origin *origin)
{
    const char *who = origin->who;
    struct timespec now;

    if (out.kind == LOG_KIND_PARENT) {
        line[0] = (char)(1 + level);
        return 1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const char *second = second_text(now.tv_sec, out.kind == LOG_KIND_SYSLOG);
    const char *separator = who[0] != '\0' ? ": " : "";
    if (out.kind == LOG_KIND_SYSLOG)
        return snprintf(line, size, "<%d>%s wlbproxy[%d]: %s %s%s",
            LOG_DAEMON | priorities[level], second, (int)origin->pid, level_names[level],
            who, separator);
    if (out.kind == LOG_KIND_JOURNAL_STREAM)
        return snprintf(line, size, "<%d>%s %s%s", priorities[level], level_names[level],
            who, separator);
    if (out.kind == LOG_KIND_JOURNAL)
        return snprintf(line, size, "%s %s%s", level_names[level], who, separator);
    return snprintf(line, size, "%s.%03dZ %s %s%s", second, (int)(now.tv_nsec / 1000000),
        level_names[level], who, separator);
}

static void send_to_journal(struct log_target *target, const struct journal_entry *entry)
{
    char bytes[JOURNAL_ENTRY_MAX];

    log_target_send(target, bytes, journal_entry_write(entry, bytes));
}

/* `line` has `start` bytes in front of its text. */
static void put_line(enum log_level level, const struct log_origin *origin,
    const char *line, size_t start, size_t len)
{
    if (out.kind == LOG_KIND_JOURNAL)
        send_to_journal(&out.target,
            &(struct journal_entry){.priority = priorities[level],
                .who = origin->who,
                .pid = origin->pid,
                .message = line,
                .len = len,
                .fields = start});
    else
        log_target_write(&out.target, line, len);
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
    out.origin.pid = getpid();
    size_t start = (size_t)prefix(line, sizeof(line), level, &out.origin);
    errno = saved; /* for %m */
    int wanted = vsnprintf(line + start, sizeof(line) - start, fmt, args);
    size_t len = strnlen(line + start, sizeof(line) - start);
    if (wanted < 0)
        len = 0;
    flatten(line + start, len);
    put_line(level, &out.origin, line, start, start + len);
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

void access_log_open(int fd, enum log_kind kind)
{
    access_log.fd = fd;
    access_kind = kind;
    if (fd >= 0)
        log_target_open(&access_log, fd, takes_lines(kind));
}

bool access_log_enabled(void)
{
    return access_log.fd >= 0;
}

/* A datagram to the local syslog needs its priority and tag in front. */
static void write_syslog(const char *text, size_t len, pid_t pid)
{
    char line[LOG_LINE_MAX];
    int saved = errno;
    size_t start = (size_t)snprintf(line, sizeof(line),
        "<%d>%s wlbproxy[%d]: ", LOG_DAEMON | LOG_INFO, second_text(time(NULL), true),
        (int)pid);
    size_t fits = len <= sizeof(line) - start ? len : sizeof(line) - start;

    memcpy(line + start, text, fits);
    log_target_write(&access_log, line, start + fits);
    errno = saved;
}

/* JSON has no key=value pairs. */
static void put_access(const char *line, size_t len, const struct log_origin *origin)
{
    if (access_kind == LOG_KIND_SYSLOG)
        write_syslog(line, len, origin->pid);
    else if (access_kind == LOG_KIND_JOURNAL)
        send_to_journal(&access_log,
            &(struct journal_entry){.priority = LOG_INFO,
                .who = origin->who,
                .pid = origin->pid,
                .event = "request",
                .message = line,
                .len = len,
                .fields = line[0] == '{' ? len : 0});
    else
        log_target_write(&access_log, line, len);
}

static void gather(const char *line, size_t len)
{
    if (len >= sizeof(gathered.bytes) - gathered.len)
        access_log_flush();
    if (len >= sizeof(gathered.bytes) - gathered.len) {
        access_log.lost++; /* the parent is busy, and we wait for nobody */
        return;
    }
    memcpy(gathered.bytes + gathered.len, line, len);
    gathered.bytes[gathered.len + len] = '\n';
    gathered.len += len + 1;
    gathered.lines++;
}

void access_log_write(const char *line, size_t len)
{
    if (access_log.fd < 0)
        return;
    if (access_kind == LOG_KIND_PARENT)
        gather(line, len);
    else
        put_access(line, len, &out.origin);
}

size_t access_log_gathered(void)
{
    return gathered.lines;
}

void access_log_flush(void)
{
    int saved = errno;

    if (gathered.lines == 0)
        return;
    if (send(access_log.fd, gathered.bytes, gathered.len, MSG_DONTWAIT | MSG_NOSIGNAL) <
        0) {
        if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
            errno = saved;
            return; /* until the next time */
        }
        access_log.lost += gathered.lines;
    }
    gathered.len = 1;
    gathered.lines = 0;
    errno = saved;
}

void access_log_finish(void)
{
    struct pollfd parent = {.fd = access_log.fd, .events = POLLOUT};

    access_log_flush();
    if (gathered.lines > 0 && poll(&parent, 1, 1000) > 0)
        access_log_flush();
}

/* ---- what children send ---- */

/* Tells of eight bytes at once whether all are printable ASCII. */
static bool are_printable(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t eight;

    memcpy(&eight, text, sizeof(eight));
    return (((eight - ones * ' ') | eight | (eight + ones)) & high) == 0;
}

static void make_printable(char *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        if (len - i >= sizeof(uint64_t) && are_printable(text + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        if (text[i] < ' ' || text[i] > '~')
            text[i] = text[i] >= 0 && text[i] < ' ' ? ' ' : '?';
        i++;
    }
}

/* Tells whether the disk has room for the lines of children, and logs a change. */
static bool has_room(struct log_target *target, size_t len)
{
    const bool was_full = target->full, room = log_target_has_room(target, len);

    if (room && was_full)
        log_info("event=log_disk_has_room lost=%llu", (unsigned long long)log_lost());
    else if (!room && !was_full)
        log_error("event=log_disk_full text=\"what the workers say is not written\"");
    return room;
}

static void relay_line(
    const struct log_origin *origin, enum log_level level, char *text, size_t len)
{
    char line[LOG_LINE_MAX];

    if (!log_enabled(level))
        return;
    if (!has_room(&out.target, len)) {
        out.target.lost++;
        return;
    }
    size_t start = (size_t)prefix(line, sizeof(line), level, origin);
    size_t fits = len <= sizeof(line) - start ? len : sizeof(line) - start;

    make_printable(text, fits);
    memcpy(line + start, text, fits);
    put_line(level, origin, line, start, start + fits);
}

/* Text written to standard error: by a library that ends the process, say. */
static size_t relay_stray(const struct log_origin *origin, char *text, size_t len)
{
    size_t lines = 0;

    while (len > 0 && lines < STRAY_LINES_MAX) {
        char *end = memchr(text, '\n', len);
        size_t line = end == NULL ? len : (size_t)(end - text);

        if (line > 0)
            relay_line(origin, LOG_LEVEL_ERROR, text, line);
        lines++;
        text += line + (end != NULL);
        len -= line + (end != NULL);
    }
    return lines;
}

/* As access_log.c writes one. No line of the log begins so. */
static bool is_access_line(const char *line, size_t len)
{
    static const char first[] = " conn=";
    enum { TIME_LEN = 24 };

    if (len == 0 || len >= LOG_LINE_MAX)
        return false;
    if (line[0] == '{')
        return true;
    return len >= TIME_LEN + sizeof(first) - 1 && memchr(line, ' ', TIME_LEN) == NULL &&
        memcmp(line + TIME_LEN, first, sizeof(first) - 1) == 0;
}

/* A file takes them all at once. */
static size_t relay_access(const struct log_origin *origin, char *bytes, size_t len)
{
    const bool at_once = access_log.type == TARGET_FILE && access_log.lines;
    char *kept = bytes, *end;
    size_t lines = 0;

    if (access_log.fd < 0)
        return 1;
    if (!has_room(&access_log, len)) {
        access_log.lost += log_target_lines(bytes, len);
        return 1;
    }
    for (char *line = bytes; (end = memchr(line, '\n', len)) != NULL; line = end + 1) {
        const size_t size = (size_t)(end - line);

        len -= size + 1;
        lines++;
        make_printable(line, size);
        if (!is_access_line(line, size))
            continue;
        if (!at_once)
            put_access(line, size, origin);
        if (kept != line)
            memmove(kept, line, size + 1);
        kept += size + 1;
    }
    if (at_once && kept > bytes)
        log_target_write_block(&access_log, bytes, (size_t)(kept - bytes));
    return lines;
}

size_t log_relay(const struct log_origin *origin, char *bytes, size_t len)
{
    int saved = errno;
    size_t cost = LOG_LINE_COST;

    if (len > 1 && bytes[0] == MARK_ACCESS)
        cost = relay_access(origin, bytes + 1, len - 1);
    else if (len > 1 && bytes[0] > 0 && bytes[0] < MARK_ACCESS)
        relay_line(origin, (enum log_level)(bytes[0] - 1), bytes + 1, len - 1);
    else
        cost *= relay_stray(origin, bytes, len);
    errno = saved;
    return cost;
}

uint64_t log_lost(void)
{
    return out.target.lost + access_log.lost;
}
