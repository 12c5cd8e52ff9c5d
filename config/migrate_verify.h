/*
 * migrate_verify.h - which clients a stunnel service lets in, in our words (private to
 * config/).
 *
 * What cannot be had never fails open: then the service is to be left out.
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_VERIFY_H
#define WLBPROXY_CONFIG_MIGRATE_VERIFY_H

#include <stdbool.h>

#include "config/stunnel_text.h"

/* What one option does not let us do: its line, and why. */
struct migrate_obstacle {
    const struct stunnel_line *line;
    const char *why;
};

enum { OBSTACLES_MAX = 8 };

/* The options of clients' certificates of one service, section and global ones together.
 */
struct migrate_verify {
    bool asks; /* for a certificate at all */
    bool required;
    bool chain; /* verified against `ca` */
    bool pinned; /* the certificate itself has to be in `ca` */
    const struct stunnel_line *ca, *crl, *names; /* NULL: none; names: the first */
    struct migrate_obstacle obstacles[OBSTACLES_MAX];
    unsigned obstacle_count;
};

/* [first, end) is the section; what it does not say the global part says. */
void migrate_verify_read(
    struct migrate_verify *v, const struct stunnel_text *t, size_t first, size_t end);

#endif
