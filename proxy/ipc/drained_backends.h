/*
 * drained_backends.h - the backends that an administrator drains, as the master sends
 * them to the workers. Pure encoding.
 */
#ifndef WLBPROXY_IPC_DRAINED_BACKENDS_H
#define WLBPROXY_IPC_DRAINED_BACKENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"
#include "proxy/ipc/worker_stats.h"

enum { DRAINED_BACKENDS_MAX = 200 };

struct drained_backend {
    char service[REPORT_NAME_MAX];
    char address[ENDPOINT_TEXT_MAX]; /* in the text form of struct endpoint */
};

struct drained_backends {
    struct drained_backend list[DRAINED_BACKENDS_MAX];
    size_t count;
};

/* Returns the bytes written. A message of the channel has room for a full list. */
size_t drained_backends_encode(
    const struct drained_backends *drained, char *bytes, size_t capacity);
bool drained_backends_decode(
    struct drained_backends *drained, const char *bytes, size_t len);

/* Returns its place in the list, or -1. */
long drained_backends_find(
    const struct drained_backends *drained, const char *service, const char *address);

#endif
