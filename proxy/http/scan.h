/*
 * scan.h - finds the end of a head in bytes that come in any pieces, and refuses the
 * first byte that is not allowed in one: bare CR, bare LF, NUL and other controls.
 */
#ifndef WLBPROXY_HTTP_SCAN_H
#define WLBPROXY_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/http/refusal.h"

/* A struct of zeroes is the beginning of a head. */
struct scan {
    size_t line; /* bytes in the current line so far */
    bool after_cr; /* only LF may come */
    bool complete; /* the empty line was seen */
};

/* Scans `len` bytes, or fewer if the head ends among them; *used is how many,
 * unless they are refused. */
enum refusal scan_bytes(struct scan *scan, const char *bytes, size_t len, size_t *used);

#endif
