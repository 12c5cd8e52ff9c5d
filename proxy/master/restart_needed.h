/*
 * restart_needed.h - what a reload cannot change, and says so.
 */
#ifndef WLBPROXY_MASTER_RESTART_NEEDED_H
#define WLBPROXY_MASTER_RESTART_NEEDED_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct findings;
struct settings;

/* What the processes were started with. */
struct started_with {
    uint32_t workers, crypto;
    bool signer, connects_to_unix;
    char *user, *control;
};

void started_with_init(struct started_with *started, const struct settings *settings);
void started_with_destroy(struct started_with *started);

/* What would not work at all before a restart: workers that were started without a unix
 * socket to connect to have given up the means. */
bool restart_is_needed_for_unix(
    const struct started_with *started, const struct settings *fresh, struct error *err);

/* A warning for each that the new settings would have otherwise. */
void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings);

#endif
