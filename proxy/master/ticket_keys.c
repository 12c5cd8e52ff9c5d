#include "proxy/master/ticket_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/error.h"

/* Kernels before 3.17 have no getrandom(2). */
static ssize_t read_device(struct ticket_key *key)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, key, sizeof(*key)) : -1;
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return got;
}

static bool random_key(struct ticket_key *key, struct error *err)
{
    ssize_t got;

    do
        got = getrandom(key, sizeof(*key), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == ENOSYS)
        got = read_device(key);
    return got == (ssize_t)sizeof(*key) ||
        error_set(err, "random bytes for a ticket key: %s", strerror(errno));
}

static uint64_t now_seconds(void)
{
    return (uint64_t)time(NULL);
}

static bool end_by(struct ticket_key *key, uint64_t when)
{
    if (key->ends != 0 && key->ends <= when)
        return false;
    key->ends = when;
    return true;
}

/* The oldest are at the end. */
static void forget_ended(struct ticket_keys *tickets, uint64_t now)
{
    while (
        tickets->count > 0 && !ticket_key_opens(&tickets->keys[tickets->count - 1], now))
        explicit_bzero(&tickets->keys[--tickets->count], sizeof(tickets->keys[0]));
}

void tickets_set_lifetime(struct ticket_keys *tickets, uint64_t ms)
{
    tickets->lifetime = (uint32_t)(ms / 1000);
}

bool tickets_rotate(struct ticket_keys *tickets, uint64_t rotation, struct error *err)
{
    uint64_t now = now_seconds();
    struct ticket_key fresh;

    if (!random_key(&fresh, err))
        return false;
    fresh.ends = now + rotation / 1000 + ticket_lifetime(tickets);
    if (tickets->count > 0) /* its tickets stay valid for a lifetime more */
        (void)end_by(&tickets->keys[0], now + ticket_lifetime(tickets));
    memmove(&tickets->keys[1], &tickets->keys[0],
        (TICKET_KEYS_MAX - 1) * sizeof(tickets->keys[0]));
    tickets->keys[0] = fresh;
    if (tickets->count < TICKET_KEYS_MAX)
        tickets->count++;
    forget_ended(tickets, now);
    explicit_bzero(&fresh, sizeof(fresh));
    return true;
}

bool tickets_shorten(struct ticket_keys *tickets, uint64_t rotation)
{
    uint64_t end = now_seconds() + ticket_lifetime(tickets);
    bool any = false;

    for (uint32_t i = 0; i < tickets->count; i++)
        any = end_by(&tickets->keys[i], i == 0 ? end + rotation / 1000 : end) || any;
    return any;
}

uint64_t tickets_seal_for(const struct ticket_keys *tickets)
{
    uint64_t end = now_seconds() + ticket_lifetime(tickets);
    const struct ticket_key *first = &tickets->keys[0];

    return tickets->count > 0 && first->ends > end ? (first->ends - end) * 1000 : 0;
}

void tickets_wipe(struct ticket_keys *tickets)
{
    explicit_bzero(tickets, sizeof(*tickets));
}
