/*
 * restart_needed.h - finds the settings that a reload cannot change.
 */
#ifndef WLBPROXY_MASTER_RESTART_NEEDED_H
#define WLBPROXY_MASTER_RESTART_NEEDED_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/no_files.h"

struct error;
struct findings;
struct settings;

/* The settings with which the processes were started. */
struct started_with {
    uint32_t workers, crypto, batch_hold;
    bool signer, connects_to_unix;
    struct tcp_ports ports; /* of the backends, held with fixed_ports */
    char *user, *control;
};

void started_with_init(struct started_with *started, const struct settings *settings);
void started_with_destroy(struct started_with *started);

/* Returns whether a restart is needed before it works at all: workers that were started
 * without a unix socket, or a port, to connect to have given up the means. */
bool restart_is_needed_to_connect(
    const struct started_with *started, const struct settings *fresh, struct error *err);

/* Adds a warning for each setting that differs. */
void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings);

#endif
