#include "proxy/master/ticket_keys.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "config/error.h"

static bool random_key(struct ticket_key *key, struct error *err)
{
    ssize_t got;

    do
        got = getrandom(key, sizeof(*key), 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(*key) ||
        error_set(err, "random bytes for a ticket key: %s", strerror(errno));
}

bool tickets_make(struct ticket_keys *tickets, struct error *err)
{
    memset(tickets, 0, sizeof(*tickets));
    return tickets_rotate(tickets, err);
}

bool tickets_rotate(struct ticket_keys *tickets, struct error *err)
{
    struct ticket_key fresh;

    if (!random_key(&fresh, err))
        return false;
    memmove(&tickets->keys[1], &tickets->keys[0],
        (TICKET_KEYS_MAX - 1) * sizeof(tickets->keys[0]));
    tickets->keys[0] = fresh;
    if (tickets->count < TICKET_KEYS_MAX)
        tickets->count++;
    explicit_bzero(&fresh, sizeof(fresh));
    return true;
}

void tickets_wipe(struct ticket_keys *tickets)
{
    explicit_bzero(tickets, sizeof(*tickets));
}
