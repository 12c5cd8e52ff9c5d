/*
 * migrate_output.h - the two texts of a migration: wlbproxy's configuration, and the
 * losses (private to config/).
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

/* Writes a comment about a line of the stunnel file. `note` may be "". A value that may
 * be a secret is not shown, here and below. */
void migrate_comment(const struct migrate_output *out, const struct stunnel_line *line,
    const char *verdict, const char *note);

/* Writes into both texts that the service does without this line. */
void migrate_lose(
    const struct migrate_output *out, const struct stunnel_line *line, const char *note);

/* Writes into both texts that the section is left out because of that line (which may be
 * its own). */
void migrate_leave_out(const struct migrate_output *out,
    const struct stunnel_line *section, const struct migrate_obstacle *obstacle);

#endif
