/*
 * denied_log.h - remembers the last client that was not admitted, and limits the log to
 * one line a minute for each address. Pure: the caller passes the time. Bounded: two
 * addresses may share a place, and each is then logged more often; the log's own limit
 * applies all the same.
 */
#ifndef WLBPROXY_SESSION_DENIED_LOG_H
#define WLBPROXY_SESSION_DENIED_LOG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/session/access_rules.h"

enum { DENIED_LOG_PLACES = 256, DENIED_LOG_AGAIN = 60 * 1000 /* ms */ };

/* A struct of zeroes is empty. */
struct denied_log {
    struct {
        struct in6_addr address;
        uint64_t told; /* ms; 0: free */
    } places[DENIED_LOG_PLACES];
    struct {
        char service[64]; /* a longer name is cut */
        struct in6_addr address;
        char rule[ACCESS_RULE_MAX];
        uint64_t when; /* ms; 0: there was none */
    } last;
};

/* The service's rules do not admit the address. Returns the rule; the text lasts until
 * the next call. */
const char *denied_log_add(struct denied_log *log, const char *service,
    const struct access_rules *rules, const struct in6_addr *address, uint64_t now);

bool denied_log_may(struct denied_log *log, const struct in6_addr *address, uint64_t now);

#endif
