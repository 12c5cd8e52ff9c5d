/*
 * snapshot.h - a generation as bytes: everything a worker needs to serve it, except the
 * listening sockets, which travel as descriptors.
 *
 * Pure: no files, no sockets, no OpenSSL. The bytes contain private keys: their owner
 * keeps them in locked memory and wipes them (sealed_memory.h).
 */
#ifndef WLBPROXY_IPC_SNAPSHOT_H
#define WLBPROXY_IPC_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"

struct error;

struct snapshot_blob {
    const char *bytes;
    size_t len;
};

struct snapshot_backend {
    struct endpoint endpoint;
    uint32_t connect; /* the `connect` line of the service that it comes from */
};

/* Services stand in the order of the settings. */
struct snapshot_service {
    struct snapshot_backend *backends; /* in the order of those lines */
    size_t backend_count;
    struct snapshot_blob *credentials; /* credential_pack() */
    size_t credential_count;
    const char *ca, *crl; /* PEM texts; NULL: none */
    struct snapshot_blob backend_credential; /* credential_pack(); 0 bytes: none */
    const char *backend_ca; /* PEM text; NULL: none */
};

/* An address and its services: services[0] by default, the others by SNI. */
struct snapshot_listener {
    struct endpoint address;
    uint32_t *services;
    size_t service_count;
};

struct snapshot {
    uint32_t id;
    const char *settings; /* settings_print() */
    struct snapshot_service *services;
    size_t service_count;
    struct snapshot_listener *listeners;
    size_t listener_count;
};

/* The first returns the bytes needed, the second writes them. */
size_t snapshot_size(const struct snapshot *snapshot);
void snapshot_encode(const struct snapshot *snapshot, char *bytes, size_t size);

/* Texts and blobs are borrowed from `bytes`; the arrays belong to the snapshot. */
bool snapshot_decode(
    struct snapshot *snapshot, const char *bytes, size_t len, struct error *err);

/* Frees the arrays (of a decoded snapshot, or of one whose arrays were malloc'ed). */
void snapshot_destroy(struct snapshot *snapshot);

#endif
