/*
 * key_snapshot.h - the private keys of a generation as bytes, for the signer. Pure.
 *
 * The bytes are secret: their owner keeps them in locked memory and wipes them
 * (sealed_memory.h).
 */
#ifndef WLBPROXY_IPC_KEY_SNAPSHOT_H
#define WLBPROXY_IPC_KEY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

struct key_snapshot_key {
    uint64_t number; /* certificate_key_number() */
    const char *der; /* borrowed */
    size_t len;
};

struct key_snapshot {
    uint32_t id; /* the generation's */
    struct key_snapshot_key *keys;
    size_t count;
};

/* The first returns the bytes needed, the second writes them. */
size_t key_snapshot_size(const struct key_snapshot *snapshot);
void key_snapshot_encode(const struct key_snapshot *snapshot, char *bytes, size_t size);

/* The array is the caller's to free. */
bool key_snapshot_decode(
    struct key_snapshot *snapshot, const char *bytes, size_t len, struct error *err);

#endif
