/*
 * settings_build.h - settings while they are parsed (private to config/): the line of
 * each option.
 */
#ifndef WLBPROXY_CONFIG_SETTINGS_BUILD_H
#define WLBPROXY_CONFIG_SETTINGS_BUILD_H

#include "config/options.h"
#include "config/settings.h"

enum { SERVICES_MAX = 1024 };

/* The first line of each option; 0: none. `at` is the section's own line. */
struct written {
    unsigned at;
    unsigned lines[OPTION_COUNT_MAX];
};

struct settings_build {
    struct settings *settings;
    struct service_settings defaults; /* for the services: from the lines before the first
                                       * section */
    struct written before_sections;
    struct written *services; /* one for each of settings->services */
};

/* The line of an option of a service, or the line it inherits from; 0: the built-in
 * default. */
unsigned build_line(
    const struct settings_build *build, size_t service, const char *option);

/* Checks what no single line can show. `*line` is the one to blame; 0: none. */
bool settings_check(
    const struct settings_build *build, unsigned *line, struct error *err);

#endif
