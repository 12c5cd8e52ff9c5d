/*
 * live.h - from files on the disk to what clients see: the running proxy reloads, and a
 * handshake with each worker proves it.
 */
#ifndef WLBPROXY_COMMAND_LIVE_H
#define WLBPROXY_COMMAND_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct daemon;
struct error;

enum live {
    LIVE_CONFIRMED, /* every worker presents it */
    LIVE_ABSENT, /* no proxy is running */
    LIVE_UNUSED, /* reloaded, but no service has this file */
    LIVE_REFUSED, /* err says why */
};

struct live_answer {
    json_t *verdict; /* of the reload (control.h); owned, may be NULL */
    size_t workers; /* that presented it, of the service with the most */
};

/* `file` is what the configuration calls the chain's file, `sha256` its new leaf. `force`
 * as daemon_reload() has it. */
enum live live_reload(const struct daemon *daemon, const char *file, const char *sha256,
    bool force, struct live_answer *answer, struct error *err);
void live_answer_destroy(struct live_answer *answer);

#endif
