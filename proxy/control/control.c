#include "proxy/control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/buffer.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/ipc/channel.h"

enum { ANSWER_MAX = 16 * 1024 * 1024, PART = 64 * 1024 };

/* Limits connect(2), too: while the backlog is full it waits like send(2). */
static void limit_wait(int fd, int timeout_ms)
{
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static const char *likely_cause(int error)
{
    if (error == EAGAIN)
        return "; it hangs, or is overloaded: look into its log";
    return error == EACCES ? "" : "; is wlbproxy running?";
}

static int connect_to(const char *path, int timeout_ms, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        error_set(err, "%s: the path is too long for a socket", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        limit_wait(fd, timeout_ms);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error_set(err, "%s: %s%s", path, error_reason(errno), likely_cause(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool send_request(int fd, json_t *request, struct error *err)
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t len = text != NULL ? strlen(text) + 1 : 0;
    ssize_t sent;

    if (text == NULL)
        return error_set(err, "the request cannot be written as JSON");
    text[len - 1] = '\n';
    sent = send(fd, text, len, MSG_NOSIGNAL);
    free(text);
    return sent == (ssize_t)len || error_set(err, "the request was not taken");
}

static void keep_descriptors(struct msghdr *part, struct control_answer *answer)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(part); c != NULL; c = CMSG_NXTHDR(part, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            count > CONTROL_FDS_MAX - answer->fd_count)
            continue;
        memcpy(answer->fds + answer->fd_count, CMSG_DATA(c), count * sizeof(int));
        answer->fd_count += count;
    }
}

/* Returns 1: more may come; 0: that was all; -1: errno. */
static int receive_some(int fd, struct buffer *text, struct control_answer *answer)
{
    char control[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
    struct iovec bytes = {buffer_reserve(text, PART), PART};
    struct msghdr part = {.msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(fd, &part, MSG_CMSG_CLOEXEC);

    if (got < 0)
        return errno == EINTR ? 1 : -1;
    keep_descriptors(&part, answer);
    buffer_commit(text, (size_t)got);
    return got > 0;
}

static bool receive_answer(int fd, int timeout_ms, struct buffer *text,
    struct control_answer *answer, struct error *err)
{
    int64_t due = clock_now_ms() + timeout_ms;
    int more = 1;

    while (more > 0 && buffer_len(text) < ANSWER_MAX) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int64_t left = due - clock_now_ms();

        if (left <= 0 || poll(&readable, 1, (int)left) == 0)
            return error_set(err,
                "no answer from wlbproxy within %d s: it hangs, or is overloaded; look "
                "into its log",
                (timeout_ms + 999) / 1000);
        more = receive_some(fd, text, answer);
    }
    return more == 0 || error_set(err, "the answer broke off: %s", strerror(errno));
}

static bool parse_answer(
    const struct buffer *text, struct control_answer *answer, struct error *err)
{
    json_error_t why;

    if (buffer_len(text) == 0)
        return error_set(err,
            "wlbproxy closed the control socket without an answer; it may "
            "be stopping, or you are neither root nor its user");
    answer->json = json_loadb(buffer_data(text), buffer_len(text), 0, &why);
    return answer->json != NULL || error_set(err, "the answer is not JSON: %s", why.text);
}

bool control_ask(const char *socket_path, json_t *request, int timeout_ms,
    struct control_answer *answer, struct error *err)
{
    struct buffer text = {0};
    int fd = connect_to(socket_path, timeout_ms, err);
    bool good;

    answer->json = NULL;
    answer->fd_count = 0;
    good = fd >= 0 && send_request(fd, request, err) &&
        receive_answer(fd, timeout_ms, &text, answer, err) &&
        parse_answer(&text, answer, err);
    json_decref(request);
    buffer_destroy(&text);
    if (fd >= 0)
        close(fd);
    if (!good)
        control_answer_destroy(answer);
    return good;
}

void control_answer_destroy(struct control_answer *answer)
{
    for (size_t i = 0; i < answer->fd_count; i++)
        close(answer->fds[i]);
    answer->fd_count = 0;
    json_decref(answer->json);
    answer->json = NULL;
}
