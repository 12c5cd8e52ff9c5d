/*
 * rules.h - the meaning of a head, and whether it can have only one (RFC 9110, RFC 9112).
 *
 * Both functions take a whole head in memory that they may write to, fill *head with
 * spans into it, and refuse everything that two parsers could read differently. No
 * leniency and no repair, except that an absolute target becomes the origin-form that is
 * forwarded (RFC 9112, 3.2.2).
 *
 * The methods are those that both parsers know, WebDAV's too; any other gets a 501. A
 * method decides whether its reply has a body (HEAD) and whether its connection stays
 * HTTP (CONNECT); for an unknown one this is unknown. nginx and HAProxy pass unknown
 * methods on.
 */
#ifndef WLBPROXY_HTTP_RULES_H
#define WLBPROXY_HTTP_RULES_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

enum refusal rules_judge_request(struct head *head, char *text, size_t len);

/* The request that the response answers: see parser_expect_response(). */
struct question {
    bool is_head, upgrade;
};

enum refusal rules_judge_response(
    struct head *head, char *text, size_t len, struct question question);

#endif
