/*
 * connect_line.h - the parts of a `connect` line: "host:port" or "unix:/path", "tls:"
 * that may stand before either, and words that may follow: "weight=N", "backup".
 */
#ifndef WLBPROXY_CONFIG_CONNECT_LINE_H
#define WLBPROXY_CONFIG_CONNECT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct text_list;

enum { CONNECT_ADDRESS_MAX = 320, CONNECT_WEIGHT_MAX = 100 };

struct connect_line {
    char address[CONNECT_ADDRESS_MAX]; /* for endpoint.h */
    bool tls; /* the proxy is a TLS client there */
    uint32_t weight; /* 1 where none is written */
    bool backup;
};

/* Checks the syntax only, also of the address. */
bool connect_line_parse(const char *text, struct connect_line *line, struct error *err);

/* The host as it is written, without brackets and zone: a name or an address. "" of a
 * unix socket. */
void connect_line_host(const struct connect_line *line, char *host, size_t size);

/* 0 of a unix socket. */
uint16_t connect_line_port(const struct connect_line *line);

bool connect_lines_have_tls(const struct text_list *connect);

#endif
