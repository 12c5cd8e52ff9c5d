/*
 * probe.h - tests by a handshake with every worker that clients see what the proxy says
 * it serves. A helper makes it (apart.h).
 */
#ifndef WLBPROXY_COMMAND_PROBE_H
#define WLBPROXY_COMMAND_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct daemon;
struct error;

/* `service` is a SERVICE of control.h, `certificate` one of its CERTs, or NULL for
 * whichever the worker chooses. Asks each worker for a connection and makes a handshake
 * on it; false and err unless all present that one. *workers is how many did. */
bool probe_service(const struct daemon *daemon, const json_t *service,
    const json_t *certificate, size_t *workers, struct error *err);

#endif
