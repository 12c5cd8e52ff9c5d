#include "proxy/ipc/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proxy/ipc/wire.h"

enum { HEADER_BYTES = 8, ATTEMPTS = 8, SEND_TIMEOUT = 20 /* ms */ };

bool channel_pair(int *a, int *b)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) {
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    *a = pair[0];
    *b = pair[1];
    return true;
}

bool message_parse(struct message *m, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};
    uint32_t type = wire_get_u32(&r);

    m->id = wire_get_u32(&r);
    if (r.failed || type < MESSAGE_SETUP || type >= MESSAGE_LAST)
        return false;
    m->type = (enum message_type)type;
    m->body = (const char *)r.left.at;
    m->len = r.left.len;
    return true;
}

static ssize_t send_with_descriptors(
    int channel, const struct message *m, struct iovec *parts, size_t part_count)
{
    char control[CMSG_SPACE(sizeof(m->fds))];
    struct msghdr datagram = {.msg_iov = parts,
        .msg_iovlen = part_count,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(m->fd_count * sizeof(int))};
    struct cmsghdr *rights;

    memset(control, 0, sizeof(control));
    rights = CMSG_FIRSTHDR(&datagram);
    assert(rights != NULL); /* there is room */
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(m->fd_count * sizeof(int));
    memcpy(CMSG_DATA(rights), m->fds, m->fd_count * sizeof(int));
    return sendmsg(channel, &datagram, MSG_NOSIGNAL);
}

/* The kernel may be short of memory, or the other process busy, for a moment: that is no
 * reason to give the channel up. A permanent failure fails eight times as quickly as
 * once. */
static bool may_be_sent_again(int channel, int admission_timeout)
{
    struct pollfd room = {.fd = channel, .events = POLLOUT};

    return errno != EAGAIN ||
        (admission_timeout > 0 && poll(&room, 1, admission_timeout) >= 0);
}

/* Without descriptors it is sent by writev(). Workers are not allowed sendmsg(): the
 * master would have to close descriptors that they pass, and a close may block for as
 * long as they like (SO_LINGER). Both ends ignore SIGPIPE. */
static bool send_within(int channel, const struct message *m, int admission_timeout)
{
    char header[HEADER_BYTES];
    struct wire_writer w = {.bytes = header, .capacity = sizeof(header)};
    struct iovec parts[2] = {{header, sizeof(header)}, {(void *)m->body, m->len}};
    ssize_t sent = -1;

    wire_put_u32(&w, m->type);
    wire_put_u32(&w, m->id);
    for (int i = 0; i < ATTEMPTS && sent < 0 &&
         (i == 0 || may_be_sent_again(channel, admission_timeout));
         i++)
        sent = m->fd_count > 0 ? send_with_descriptors(channel, m, parts, 2)
                               : writev(channel, parts, 2);
    return sent == (ssize_t)(sizeof(header) + m->len);
}

bool channel_send(int channel, const struct message *m)
{
    return send_within(channel, m, SEND_TIMEOUT);
}

bool channel_send_at_once(int channel, const struct message *m)
{
    return send_within(channel, m, 0);
}

static void take_descriptors(struct msghdr *datagram, struct message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(datagram); c != NULL;
         c = CMSG_NXTHDR(datagram, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            count > CHANNEL_FDS - m->fd_count)
            continue;
        memcpy(m->fds + m->fd_count, CMSG_DATA(c), count * sizeof(int));
        m->fd_count += count;
    }
}

enum channel_result channel_receive(int channel, struct message *m, char *buffer)
{
    char control[CMSG_SPACE(sizeof(m->fds))];
    struct iovec part = {buffer, CHANNEL_MESSAGE_MAX};
    struct msghdr datagram = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    ssize_t len = -1;

    m->fd_count = 0;
    m->fds_lost = false;
    for (int i = 0; i < ATTEMPTS && len < 0 && (i == 0 || errno != EAGAIN); i++)
        len = recvmsg(channel, &datagram, MSG_CMSG_CLOEXEC);
    if (len < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_AGAIN : CHANNEL_CLOSED;
    take_descriptors(&datagram, m);
    m->fds_lost = (datagram.msg_flags & MSG_CTRUNC) != 0;
    if (len > 0 && (datagram.msg_flags & MSG_TRUNC) == 0 &&
        message_parse(m, buffer, (size_t)len))
        return CHANNEL_MESSAGE;
    message_close_fds(m);
    return CHANNEL_CLOSED;
}

void message_close_fds(struct message *m)
{
    for (size_t i = 0; i < m->fd_count; i++) {
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    }
    m->fd_count = 0;
}
