/*
 * restart_needed.h - finds the settings that a reload cannot change.
 */
#ifndef WLBPROXY_MASTER_RESTART_NEEDED_H
#define WLBPROXY_MASTER_RESTART_NEEDED_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct findings;
struct settings;

/* The settings with which the processes were started. */
struct started_with {
    uint32_t workers, crypto;
    bool signer, connects_to_unix;
    char *user, *control;
};

void started_with_init(struct started_with *started, const struct settings *settings);
void started_with_destroy(struct started_with *started);

/* Returns whether a restart is needed before it works at all: workers that were started
 * without a unix socket to connect to have given up the means. */
bool restart_is_needed_for_unix(
    const struct started_with *started, const struct settings *fresh, struct error *err);

/* Adds a warning for each setting that differs. */
void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings);

#endif
