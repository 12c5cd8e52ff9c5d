/*
 * second_opinion.h - llhttp, strict, reads the same head, and must find the same end,
 * method, target, version or status, number of fields, and framing.
 *
 * Of equal Content-Lengths in a reply llhttp is shown only the first, because it refuses
 * several.
 *
 * Two parsers rarely have the same bug: a head that both read alike is read alike by a
 * backend, too.
 */
#ifndef WLBPROXY_HTTP_SECOND_OPINION_H
#define WLBPROXY_HTTP_SECOND_OPINION_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

/* Called before head->target becomes origin-form, and before a reply's body is judged by
 * its status: the framing that the fields state is compared. */
enum refusal second_opinion_request(
    const struct head *head, const char *text, size_t len);
enum refusal second_opinion_response(
    const struct head *head, const char *text, size_t len);

#endif
