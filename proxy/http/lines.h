/*
 * lines.h - the grammar of a head: start line and fields, exactly the ABNF of RFC 9112
 * with single spaces, no obs-fold and no leniency. rules.h judges the meaning.
 *
 * `text` is a whole head, up to the end that scan.h has found. Spans point into it.
 */
#ifndef WLBPROXY_HTTP_LINES_H
#define WLBPROXY_HTTP_LINES_H

#include <stdbool.h>

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

/* Reads the first line alone. `text` contains at least that. */
enum refusal lines_split_first(struct head *head, bool request, struct span text);
enum refusal lines_split_request(struct head *head, struct span text);
enum refusal lines_split_response(struct head *head, struct span text);

#endif
