/*
 * restart_needed.h - what a reload cannot change, and says so.
 */
#ifndef WLBPROXY_MASTER_RESTART_NEEDED_H
#define WLBPROXY_MASTER_RESTART_NEEDED_H

#include <stdbool.h>
#include <stdint.h>

struct findings;
struct settings;

/* What the processes were started with. */
struct started_with {
    uint32_t workers, crypto;
    bool signer;
    char *user, *control;
};

void started_with_init(struct started_with *started, const struct settings *settings);
void started_with_destroy(struct started_with *started);

/* A warning for each that the new settings would have otherwise. */
void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings);

#endif
