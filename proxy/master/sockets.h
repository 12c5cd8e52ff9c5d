/*
 * sockets.h - the listening sockets: opened by the master, inherited by the workers.
 *
 * Each address has one SO_REUSEPORT socket per worker slot, so that the kernel spreads
 * the connections and a worker that dies or is replaced loses no backlog. An address that
 * is configured again keeps its sockets.
 */
#ifndef WLBPROXY_MASTER_SOCKETS_H
#define WLBPROXY_MASTER_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

struct error;

struct socket_group {
    struct endpoint address;
    int *fds; /* at least one per worker slot */
    size_t count;
};

struct sockets {
    struct socket_group *groups;
    size_t count;
};

/* Opens the missing sockets of `address` for so many worker slots. On failure nothing was
 * opened, and err names the address and, where it can be found, the process that has
 * it. */
bool sockets_open(struct sockets *sockets, const struct endpoint *address, size_t slots,
    struct error *err);

/* Returns whether this machine could listen there, provided that nobody else does. */
bool sockets_check(const struct endpoint *address, struct error *err);

/* Returns whether nobody listens there. False and err: the process that does, where it
 * can be found. */
bool sockets_is_free(const struct endpoint *address, struct error *err);

/* Takes over a socket that an older master or the service manager opened, by its bound
 * address. False, and it stays the caller's: it is no listening TCP socket. */
bool sockets_adopt(struct sockets *sockets, int fd);

struct socket_group *sockets_find(
    const struct sockets *sockets, const struct endpoint *address);

/* Closes the groups for which `wanted` returns false; true if there were any. From then
 * on no new client reaches them. Clients in their backlogs wait for the workers, which
 * close the sockets last. */
bool sockets_keep(struct sockets *sockets,
    bool (*wanted)(const struct endpoint *address, const void *context),
    const void *context);

/* The same for all. */
void sockets_shut(struct sockets *sockets);

/* Closes our descriptors; others may have theirs. */
void sockets_close(struct sockets *sockets);

#endif
