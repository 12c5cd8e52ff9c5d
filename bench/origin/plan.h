/*
 * plan.h - the form of the stand-in backend's reply to one request.
 *
 * The query (/x?mode=chunked&size=3000000&delay=500) or fields (X-Origin-Mode: chunked)
 * choose it. Without either it is the SOAP reply of the method in SOAPAction, with a
 * Content-Length. ORIGIN_OPTIONS in plan.c is the list.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_PLAN_H
#define WLBPROXY_BENCH_ORIGIN_PLAN_H

#include "bench/origin/request.h"

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct plan {
    uint64_t framing; /* enum framing */
    uint64_t size; /* of a generated body */
    uint64_t delay; /* ms before the head */
    uint64_t pause; /* ms between two pieces of the body */
    uint64_t piece; /* bytes of the body written at a time */
    uint64_t cut; /* the connection ends after so many bytes of the body */
    uint64_t first; /* an interim reply with this status goes first */
    uint64_t status;
    uint64_t reset; /* the cut is a reset */
    uint64_t early; /* answer before the request's body is read */
    uint64_t close; /* Connection: close, and close */
    uint64_t silent; /* never answer */
    uint64_t old; /* as HTTP/1.0 */
    bool sized, is_cut;
    bool echo, stats, head_only, keep_alive;
};

void plan_make(struct plan *plan, const struct request *request);

/* The help text of the options. */
const char *plan_help(void);

#endif
