/*
 * second_opinion.h - llhttp, strict, reads the same head; it must see what we saw: the
 * same end, method, target, version or status, number of fields, and framing.
 *
 * Of equal Content-Lengths in a reply llhttp is shown the first alone: it refuses
 * several.
 *
 * The bugs of one parser are rarely those of another: what both read alike, a backend
 * reads so, too.
 */
#ifndef WLBPROXY_HTTP_SECOND_OPINION_H
#define WLBPROXY_HTTP_SECOND_OPINION_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

/* Before head->target is made origin-form, and before a reply's body is judged by its
 * status: the framing compared is what the fields say. */
enum refusal second_opinion_request(
    const struct head *head, const char *text, size_t len);
enum refusal second_opinion_response(
    const struct head *head, const char *text, size_t len);

#endif
