/*
 * lines.h - the grammar of a head: start line and fields, nothing but the ABNF of RFC
 * 9112 with single spaces, no obs-fold and no leniency. Meaning is judged in rules.h.
 *
 * `text` is a whole head that scan.h has seen the end of. Spans point into it.
 */
#ifndef WLBPROXY_HTTP_LINES_H
#define WLBPROXY_HTTP_LINES_H

#include <stdbool.h>

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

/* The first line alone, of `text` that has at least that one. */
enum refusal lines_split_first(struct head *head, bool request, struct span text);
enum refusal lines_split_request(struct head *head, struct span text);
enum refusal lines_split_response(struct head *head, struct span text);

#endif
