/*
 * connect_line.h - the parts of a `connect` line: "host:port" or "unix:/path", and words
 * that may follow: "weight=N", "backup".
 */
#ifndef WLBPROXY_CONFIG_CONNECT_LINE_H
#define WLBPROXY_CONFIG_CONNECT_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct error;

enum { CONNECT_ADDRESS_MAX = 320, CONNECT_WEIGHT_MAX = 100 };

struct connect_line {
    char address[CONNECT_ADDRESS_MAX]; /* for endpoint.h */
    uint32_t weight; /* 1 where none is written */
    bool backup;
};

/* Checks the syntax only, also of the address. */
bool connect_line_parse(const char *text, struct connect_line *line, struct error *err);

#endif
