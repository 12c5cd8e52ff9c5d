/*
 * migrate_verify.h - the clients that a stunnel service admits, as options of ours
 * (private to config/).
 *
 * A check that is not possible never fails open: the service is left out.
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_VERIFY_H
#define WLBPROXY_CONFIG_MIGRATE_VERIFY_H

#include <stdbool.h>

#include "config/stunnel_text.h"

/* A check that an option makes impossible: its line, and why. */
struct migrate_obstacle {
    const struct stunnel_line *line;
    const char *why;
};

enum { OBSTACLES_MAX = 8 };

/* The options of one service about client certificates, section and global ones
 * together. */
struct migrate_verify {
    bool asks; /* for a certificate at all */
    bool required;
    bool chain; /* verified against `ca` */
    bool pinned; /* the certificate itself has to be in `ca` */
    const struct stunnel_line *ca, *crl, *names; /* NULL: none; names: the first */
    struct migrate_obstacle obstacles[OBSTACLES_MAX];
    unsigned obstacle_count;
};

/* [first, end) is the section. For an option that it lacks the global part applies. */
void migrate_verify_read(
    struct migrate_verify *v, const struct stunnel_text *t, size_t first, size_t end);

#endif
