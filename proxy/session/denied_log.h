/*
 * denied_log.h - limits the log to one line a minute for each address that is not
 * admitted. Pure: the caller passes the time. Bounded: two addresses may share a place,
 * and each is then logged more often; the log's own limit applies all the same.
 */
#ifndef WLBPROXY_SESSION_DENIED_LOG_H
#define WLBPROXY_SESSION_DENIED_LOG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { DENIED_LOG_PLACES = 256, DENIED_LOG_AGAIN = 60 * 1000 /* ms */ };

/* A struct of zeroes is empty. */
struct denied_log {
    struct {
        struct in6_addr address;
        uint64_t told; /* ms; 0: free */
    } places[DENIED_LOG_PLACES];
};

bool denied_log_may(struct denied_log *log, const struct in6_addr *address, uint64_t now);

#endif
