/*
 * migrate_output.h - the two texts of a migration: wlbproxy's configuration, and what
 * cannot be had in it (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_OUTPUT_H
#define WLBPROXY_CONFIG_MIGRATE_OUTPUT_H

#include <stdio.h>

#include "config/migrate_verify.h"
#include "config/stunnel_text.h"

enum { MIGRATE_NOTE_MAX = 2048 };

struct migrate_output {
    const char *name; /* of the stunnel file, borrowed */
    FILE *text, *losses;
};

/* A comment about a line of the stunnel file. `note` may be "". A value that may be a
 * secret is not shown, here and below. */
void migrate_comment(const struct migrate_output *out, const struct stunnel_line *line,
    const char *verdict, const char *note);

/* The service goes on without what this line says: told in both texts. */
void migrate_lose(
    const struct migrate_output *out, const struct stunnel_line *line, const char *note);

/* The section is not written, because of that line (which may be its own): told in both
 * texts. */
void migrate_leave_out(const struct migrate_output *out,
    const struct stunnel_line *section, const struct migrate_obstacle *obstacle);

#endif
