/*
 * sealed_memory.h - memory for secrets that another process may read and nobody may
 * change.
 *
 * A memfd: its size is fixed, and no writable mapping but the maker's can be had. Locked
 * where the limits allow it, not in core files, wiped when released.
 */
#ifndef WLBPROXY_IPC_SEALED_MEMORY_H
#define WLBPROXY_IPC_SEALED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct sealed {
    int fd;
    char *bytes;
    size_t len;
};

/* Zeroes, to be filled by the maker before the descriptor is passed on. */
bool sealed_make(struct sealed *sealed, size_t len, struct error *err);

/* The receiver's read-only view; takes over fd, also on failure. */
bool sealed_open(struct sealed *sealed, int fd, struct error *err);

/* Wipes what the maker made; harmless when all zeroes with fd -1. */
void sealed_wipe(struct sealed *sealed);
void sealed_close(struct sealed *sealed);

#endif
