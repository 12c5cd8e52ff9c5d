/*
 * endpoint.h - addresses as written ("8012", "[::1]:8012", "host:8013", "unix:/path"),
 * and in the kernel's form.
 */
#ifndef WLBPROXY_CONFIG_ENDPOINT_H
#define WLBPROXY_CONFIG_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct error;

enum { ENDPOINT_TEXT_MAX = 160 };

struct endpoint {
    struct sockaddr_storage address;
    socklen_t len;
    char text[ENDPOINT_TEXT_MAX]; /* numeric, for logs: "127.0.0.1:8013", "unix:/path" */
};

enum endpoint_use { ENDPOINT_ACCEPT, ENDPOINT_CONNECT };

/* Checks the syntax without a resolver, for the configuration parser. */
bool endpoint_check(const char *text, enum endpoint_use use, struct error *err);

/* Resolves. It may ask the system's resolver, which blocks and parses bytes from the
 * network: only the helper may resolve a name (helper.h). Fills at most `max` endpoints
 * in the resolver's order and returns how many; 0 and err if none. A bare port accepts on
 * [::] dual-stack where IPv6 exists, else on 0.0.0.0. */
size_t endpoint_resolve(const char *text, enum endpoint_use use, struct endpoint *list,
    size_t max, struct error *err);

/* Returns whether it is a name, whose addresses may change. */
bool endpoint_is_name(const char *text, enum endpoint_use use);

/* Returns whether it is a unix socket. */
bool endpoint_is_unix(const char *text);

/* Fills text from address. */
void endpoint_describe(struct endpoint *endpoint);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
