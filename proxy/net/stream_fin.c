#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum {
    RECORD_HEADER = 5,
    ALERT = 21,
    ENCRYPTED = 23,
    FAREWELL_MIN = RECORD_HEADER + 18, /* 2 bytes and a tag of 16 */
    FAREWELL_MAX = 256, /* padded, even */
    PIECES = 64, /* of LOOP_READ_SIZE: 8 MB, more than a receive buffer has */
};

/* Peeks at the last bytes waiting in the socket. The bytes before them are copied again
 * and again into the same place, so that no memory is needed for them. */
static bool peek_tail(
    const struct stream *s, size_t before, unsigned char *tail, size_t len)
{
    struct iovec pieces[PIECES + 1];
    struct msghdr all = {.msg_iov = pieces};
    size_t total = before + len;

    if (before > (size_t)PIECES * LOOP_READ_SIZE)
        return false;
    for (size_t some; before > 0; before -= some) {
        some = before < LOOP_READ_SIZE ? before : LOOP_READ_SIZE;
        pieces[all.msg_iovlen++] = (struct iovec){s->loop->read_buffer, some};
    }
    pieces[all.msg_iovlen++] = (struct iovec){tail, len};
    return recvmsg(s->poller.fd, &all, MSG_PEEK | MSG_DONTWAIT) == (ssize_t)total;
}

/* Returns the number of last bytes of all that is not decrypted yet, FAREWELL_MAX at
 * most; -1 when they are unknown. */
static int tail_of_input(const struct stream *s, unsigned char tail[FAREWELL_MAX])
{
    const char *kept;
    size_t kept_len = tls_input(s->tls, &kept);
    int waiting = 0;

    if (ioctl(s->poller.fd, FIONREAD, &waiting) != 0)
        return -1;
    size_t len = waiting < FAREWELL_MAX ? (size_t)waiting : FAREWELL_MAX;
    size_t kept_part = FAREWELL_MAX - len < kept_len ? FAREWELL_MAX - len : kept_len;
    if (kept_part > 0)
        memcpy(tail, kept + kept_len - kept_part, kept_part);
    if (len > 0 && !peek_tail(s, (size_t)waiting - len, tail + kept_part, len))
        return -1;
    return (int)(kept_part + len);
}

/* Returns whether the bytes end like a record of a size that an alert may have. Of random
 * bytes 2^-40 do. */
static bool may_be_close_notify(const unsigned char *tail, size_t len)
{
    for (size_t size = FAREWELL_MIN; size <= len; size++) {
        const unsigned char *header = tail + len - size;
        size_t body = (size_t)header[3] << 8 | header[4];

        if ((header[0] == ALERT || header[0] == ENCRYPTED) && header[1] == 3 &&
            header[2] == 3 && body == size - RECORD_HEADER)
            return true;
    }
    return false;
}

bool stream_fin_is_bare(const struct stream *s)
{
    unsigned char tail[FAREWELL_MAX];

    if (s->tls == NULL)
        return true;
    int len = tail_of_input(s, tail);

    /* The beginning of a short one may have been consumed already. */
    if (len < 0 || (len > 0 && len < 2 * FAREWELL_MIN))
        return false;
    return !may_be_close_notify(tail, (size_t)len);
}
