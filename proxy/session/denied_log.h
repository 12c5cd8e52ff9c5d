/*
 * denied_log.h - keeps one line a minute for each address that may not come in. Pure: the
 * caller brings the time. Bounded: two addresses may share a place and then each be told
 * more often; the log's own limit holds all the same.
 */
#ifndef WLBPROXY_SESSION_DENIED_LOG_H
#define WLBPROXY_SESSION_DENIED_LOG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { DENIED_LOG_PLACES = 256, DENIED_LOG_AGAIN = 60 * 1000 /* ms */ };

/* All zeroes is an empty one. */
struct denied_log {
    struct {
        struct in6_addr address;
        uint64_t told; /* ms; 0: free */
    } places[DENIED_LOG_PLACES];
};

bool denied_log_may(struct denied_log *log, const struct in6_addr *address, uint64_t now);

#endif
