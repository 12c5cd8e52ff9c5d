/*
 * sealed_memory.h - memory for secrets that another process may read and nobody may
 * change.
 *
 * A memfd of fixed size, of which only the maker has a writable mapping. It is locked
 * where the limits allow it, left out of core files, and wiped when released.
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

/* Makes zeroes. The maker fills them before the descriptor is passed on. */
bool sealed_make(struct sealed *sealed, size_t len, struct error *err);

/* Makes the receiver's read-only view. Takes over fd, also on failure. */
bool sealed_open(struct sealed *sealed, int fd, struct error *err);

/* Wipes the maker's memory. Does nothing for a struct of zeroes with fd -1. */
void sealed_wipe(struct sealed *sealed);
void sealed_close(struct sealed *sealed);

#endif
