/*
 * excerpt.h - a piece of foreign text, made safe for a message: control and non-ASCII
 * bytes as \xNN, cut with "..." when long.
 */
#ifndef WLBPROXY_CONFIG_EXCERPT_H
#define WLBPROXY_CONFIG_EXCERPT_H

#include <stddef.h>

enum { EXCERPT_MAX = 96 };

struct excerpt {
    char text[EXCERPT_MAX];
};

struct excerpt excerpt_of(const char *bytes, size_t len);
struct excerpt excerpt_of_text(const char *text);

#endif
