#include "proxy/master/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "proxy/base/clock.h"

enum {
    NOTIFY_TEXT_MAX = 2048,
    ATTEMPTS = 8,
    SEND_TIMEOUT = 50 * 1000, /* us */
    FDS_AT_ONCE = 200, /* the kernel passes 253 */
};

bool notify_address(const char *text, struct sockaddr_un *address, socklen_t *len)
{
    size_t size = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || size < 2 ||
        size >= sizeof(address->sun_path))
        return false;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, text, size);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (text[0] == '@')
        address->sun_path[0] = '\0';
    else
        ++*len;
    return true;
}

static void add_descriptors(struct msghdr *datagram, const int *fds, size_t count)
{
    struct cmsghdr *rights;

    datagram->msg_controllen = CMSG_SPACE(count * sizeof(int));
    rights = CMSG_FIRSTHDR(datagram);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
}

static bool send_once(const struct msghdr *datagram)
{
    const struct timeval timeout = {.tv_usec = SEND_TIMEOUT};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool sent;

    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    sent = sendmsg(fd, datagram, MSG_NOSIGNAL) >= 0;
    close(fd);
    return sent;
}

static bool paused;
static char when_resumed[NOTIFY_TEXT_MAX]; /* the last READY=1 of the pause */

/* A manager would wait in vain for a READY=1 that is lost, so a busy manager, or a kernel
 * short of memory, gets another try. */
static void send_text(const char *text, size_t len, const int *fds, size_t count)
{
    const char *where = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    struct iovec part = {(void *)(uintptr_t)text, len};
    char control[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))] = {0};
    struct msghdr datagram = {
        .msg_name = &address, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control};

    if (paused || where == NULL ||
        !notify_address(where, &address, &datagram.msg_namelen))
        return;
    if (count > 0)
        add_descriptors(&datagram, fds, count);
    for (int i = 0; i < ATTEMPTS && !send_once(&datagram); i++)
        continue;
}

void notify_send(const char *fmt, ...)
{
    char text[NOTIFY_TEXT_MAX];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len > 0)
        send_text(
            text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1, NULL, 0);
}

void notify_descriptors(const char *text, const int *fds, size_t count)
{
    for (size_t at = 0; at < count; at += FDS_AT_ONCE)
        send_text(text, strlen(text), fds + at,
            count - at < FDS_AT_ONCE ? count - at : FDS_AT_ONCE);
}

void notify_pause(void)
{
    paused = true;
}

void notify_resume(void)
{
    paused = false;
    if (when_resumed[0] != '\0')
        notify_send("%s", when_resumed);
}

void notify_reloading(void)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(clock_now_ns() / 1000));
}

/* The text behind a newline would be another message to the manager. */
static void flatten(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            *text = ' ';
    }
}

void notify_status(const char *what, const char *sentence)
{
    char text[NOTIFY_TEXT_MAX / 2];

    snprintf(text, sizeof(text), "%s: %s", what, sentence);
    flatten(text);
    notify_send("STATUS=%s", text);
}

void notify_ready(const char *status)
{
    char text[NOTIFY_TEXT_MAX / 2];

    snprintf(text, sizeof(text), "%s", status);
    flatten(text);
    snprintf(when_resumed, sizeof(when_resumed), "READY=1\nSTATUS=%s", text);
    notify_send("%s", when_resumed);
}

uint64_t notify_watchdog_interval(bool any_pid)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (period == NULL)
        return 0;
    if (!any_pid && pid != NULL && strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    return strtoull(period, NULL, 10) / 1000 / 2;
}
