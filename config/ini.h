/*
 * ini.h - reads INI text line by line, and overlooks nothing.
 *
 * inih splits the lines; this module adds what it leaves out: exact line numbers, every
 * section (also an empty or repeated one), and an error for everything inih would skip,
 * cut or merge: overlong lines, control bytes, text after a section's name, a name
 * without a value. UTF-8 BOM and CRLF are accepted; a comment begins with ';' or '#', at
 * the start of a line or after white space.
 */
#ifndef WLBPROXY_CONFIG_INI_H
#define WLBPROXY_CONFIG_INI_H

#include <stdbool.h>

struct error;

enum { INI_LINE_MAX = 4000, INI_SECTION_MAX = 40 };

/* Each returns false with err to stop. The text is borrowed for the call. */
struct ini_events {
    bool (*section)(void *owner, const char *name, unsigned line, struct error *err);
    bool (*pair)(void *owner, const char *name, const char *value, unsigned line,
        struct error *err);
};

/* Errors begin with "<name>:<line>: ", also those of the events. */
bool ini_read(const char *text, const char *name, const struct ini_events *events,
    void *owner, struct error *err);

#endif
