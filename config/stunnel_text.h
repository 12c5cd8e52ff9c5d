/*
 * stunnel_text.h - a stunnel configuration as lines and scopes (private to config/).
 */
#ifndef WLBPROXY_CONFIG_STUNNEL_TEXT_H
#define WLBPROXY_CONFIG_STUNNEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct stunnel_line {
    unsigned number;
    char *name, *value; /* value NULL: a [section] of that name */
};

struct stunnel_text {
    const char *name; /* of the file, borrowed */
    struct stunnel_line *lines;
    size_t count;
};

/* Starts from a struct of zeroes but for the name; destroy it also after a failure. `err`
 * then names every line that is not understood, each on a line of its own. */
bool stunnel_text_parse(struct stunnel_text *t, const char *text, struct error *err);
void stunnel_text_destroy(struct stunnel_text *t);

bool stunnel_line_is_section(const struct stunnel_line *line);

/* The line after the last one of the scope that begins at `first`. */
size_t stunnel_scope_end(const struct stunnel_text *t, size_t first);

/* The option in lines [first, end), or else before the first section, or NULL. */
const struct stunnel_line *stunnel_find(
    const struct stunnel_text *t, size_t first, size_t end, const char *name);

#endif
