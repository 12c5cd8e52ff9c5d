#include "proxy/ipc/handover.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* type: u16; then fields: number u16, length u32, bytes. Little-endian. */
enum { TYPE_BYTES = 2, FIELD_BYTES = 6, NUMBER_BYTES = 8, SEND_TIMEOUT = 8000 /* ms */ };

static void put_le(unsigned char *at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_le(const unsigned char *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

void handover_begin(struct handover_message *m, enum handover_type type)
{
    m->type = type;
    put_le(m->bytes, type, TYPE_BYTES);
    m->len = TYPE_BYTES;
    m->fd_count = 0;
}

void handover_put(
    struct handover_message *m, enum handover_field field, const void *bytes, size_t len)
{
    assert(len <= sizeof(m->bytes) - m->len - FIELD_BYTES);
    put_le(m->bytes + m->len, field, 2);
    put_le(m->bytes + m->len + 2, len, 4);
    memcpy(m->bytes + m->len + FIELD_BYTES, bytes, len);
    m->len += FIELD_BYTES + len;
}

void handover_put_number(
    struct handover_message *m, enum handover_field field, uint64_t value)
{
    unsigned char bytes[NUMBER_BYTES];

    put_le(bytes, value, sizeof(bytes));
    handover_put(m, field, bytes, sizeof(bytes));
}

void handover_put_text(
    struct handover_message *m, enum handover_field field, const char *text)
{
    handover_put(m, field, text, strlen(text));
}

/* Returns the next field at *at, or NULL at the end. *at does not move if the field does
 * not fit. */
static const unsigned char *next_field(
    const struct handover_message *m, size_t *at, unsigned *field, size_t *len)
{
    const unsigned char *here = m->bytes + *at;

    if (m->len - *at < FIELD_BYTES)
        return NULL;
    *field = (unsigned)get_le(here, 2);
    *len = (size_t)get_le(here + 2, 4);
    if (*len > m->len - *at - FIELD_BYTES)
        return NULL;
    *at += FIELD_BYTES + *len;
    return here + FIELD_BYTES;
}

bool handover_parse(struct handover_message *m)
{
    size_t at = TYPE_BYTES, len;
    unsigned field;

    if (m->len < TYPE_BYTES || m->len > sizeof(m->bytes))
        return false;
    m->type = (unsigned)get_le(m->bytes, TYPE_BYTES);
    while (next_field(m, &at, &field, &len) != NULL)
        continue;
    return at == m->len;
}

const unsigned char *handover_get(
    const struct handover_message *m, enum handover_field field, size_t *len)
{
    size_t at = TYPE_BYTES;
    const unsigned char *bytes;
    unsigned found;

    while ((bytes = next_field(m, &at, &found, len)) != NULL) {
        if (found == (unsigned)field)
            return bytes;
    }
    *len = 0;
    return NULL;
}

uint64_t handover_get_number(const struct handover_message *m, enum handover_field field)
{
    size_t len;
    const unsigned char *bytes = handover_get(m, field, &len);

    return len <= NUMBER_BYTES ? get_le(bytes, len) : 0;
}

void handover_get_text(
    const struct handover_message *m, enum handover_field field, char *text, size_t size)
{
    size_t len;
    const unsigned char *bytes = handover_get(m, field, &len);

    if (len > size - 1)
        len = size - 1;
    for (size_t i = 0; i < len; i++)
        text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '?';
    text[len] = '\0';
}

static void add_descriptors(
    struct msghdr *datagram, const struct handover_message *m, size_t room)
{
    struct cmsghdr *rights;

    datagram->msg_controllen = CMSG_SPACE(m->fd_count * sizeof(int));
    assert(datagram->msg_controllen <= room);
    rights = CMSG_FIRSTHDR(datagram);
    assert(rights != NULL);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(m->fd_count * sizeof(int));
    memcpy(CMSG_DATA(rights), m->fds, m->fd_count * sizeof(int));
}

bool handover_send(int channel, const struct handover_message *m)
{
    char control[CMSG_SPACE(sizeof(m->fds))] = {0};
    struct iovec part = {(void *)(uintptr_t)m->bytes, m->len};
    struct msghdr datagram = {.msg_iov = &part, .msg_iovlen = 1};
    struct pollfd room = {.fd = channel, .events = POLLOUT};
    ssize_t sent;

    if (m->fd_count > 0) {
        datagram.msg_control = control;
        add_descriptors(&datagram, m, sizeof(control));
    }
    do
        sent = sendmsg(channel, &datagram, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 &&
        (errno == EINTR || (errno == EAGAIN && poll(&room, 1, SEND_TIMEOUT) > 0)));
    return sent == (ssize_t)m->len;
}

static void take_descriptors(struct msghdr *datagram, struct handover_message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(datagram); c != NULL;
         c = CMSG_NXTHDR(datagram, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            count > HANDOVER_FDS - m->fd_count)
            continue;
        memcpy(m->fds + m->fd_count, CMSG_DATA(c), count * sizeof(int));
        m->fd_count += count;
    }
}

enum handover_result handover_receive(
    int channel, struct handover_message *m, int timeout)
{
    char control[CMSG_SPACE(sizeof(m->fds))];
    struct iovec part = {m->bytes, sizeof(m->bytes)};
    struct msghdr datagram = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    struct pollfd readable = {.fd = channel, .events = POLLIN};
    ssize_t len;

    m->fd_count = 0;
    if (timeout > 0)
        (void)poll(&readable, 1, timeout);
    do
        len = recvmsg(channel, &datagram, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == EAGAIN ? HANDOVER_AGAIN : HANDOVER_CLOSED;
    take_descriptors(&datagram, m);
    m->len = (size_t)len;
    if (len > 0 && (datagram.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        handover_parse(m))
        return HANDOVER_MESSAGE;
    handover_close_fds(m);
    return HANDOVER_CLOSED;
}

void handover_close_fds(struct handover_message *m)
{
    for (size_t i = 0; i < m->fd_count; i++) {
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    }
    m->fd_count = 0;
}
