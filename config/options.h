/*
 * options.h - all options in one table, from which the parser, `--help`, docs/options.md
 * and the manual page are made. A new option is a field in settings.h and a row in
 * options.c.
 */
#ifndef WLBPROXY_CONFIG_OPTIONS_H
#define WLBPROXY_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/option_types.h"

enum option_scope { OPTION_GLOBAL, OPTION_SERVICE };

struct option {
    enum option_scope scope;
    const char *name;
    const struct option_type *type;
    size_t offset; /* of the field, in the struct of its scope */
    const char *default_text; /* NULL: an empty list */
    struct option_limits limits;
    const char *help;
    bool repeatable;
    bool http_only; /* an error when written for a protocol = tcp service */
    bool backend_tls_only; /* the same for a service without connect = tls:... */
};

enum { OPTION_COUNT_MAX = 96 };

size_t option_count(void);
const struct option *option_at(size_t index);

/* NULL if no option has that name. */
const struct option *option_find(const char *name);
size_t option_index(const struct option *option);

/* The option that the writer of `name` may have meant, or NULL. */
const char *option_nearest(const char *name);

/* Its field in a struct settings or struct service_settings. */
void *option_field(const struct option *option, void *object);
const void *option_value(const struct option *option, const void *object);

/* Prints the table for readers. The text fits 80 columns. */
enum option_format { OPTIONS_TEXT, OPTIONS_MARKDOWN, OPTIONS_MAN };
void options_print(enum option_format format, FILE *out);

#endif
