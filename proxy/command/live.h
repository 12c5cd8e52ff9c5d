/*
 * live.h - makes files on the disk visible to clients: the running proxy reloads, and a
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
    json_t *verdict; /* the reload's answer (control.h); owned, may be NULL */
    size_t workers; /* workers that presented it, of the service with the most */
};

/* `file` is the chain's file in the configuration's spelling, `sha256` its new leaf.
 * `force` as in daemon_reload(). */
enum live live_reload(const struct daemon *daemon, const char *file, const char *sha256,
    bool force, struct live_answer *answer, struct error *err);
void live_answer_destroy(struct live_answer *answer);

#endif
