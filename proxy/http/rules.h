/*
 * rules.h - what a head means, and whether it can mean but one thing (RFC 9110, RFC
 * 9112).
 *
 * Both take a whole head in memory that they may write to, fill *head with spans into it,
 * and refuse whatever two parsers could read differently. No leniency, no repair, except
 * that an absolute target becomes the origin-form that is forwarded (RFC 9112, 3.2.2).
 *
 * Methods are those that both parsers know, WebDAV's too; any other is a 501. What a
 * method means decides whether its reply has a body (HEAD) or its connection stays HTTP
 * (CONNECT): of one that we do not know, we could not tell. nginx and HAProxy pass them
 * on.
 */
#ifndef WLBPROXY_HTTP_RULES_H
#define WLBPROXY_HTTP_RULES_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

enum refusal rules_judge_request(struct head *head, char *text, size_t len);

/* What the response answers: see parser_expect_response(). */
struct question {
    bool is_head, upgrade;
};

enum refusal rules_judge_response(
    struct head *head, char *text, size_t len, struct question question);

#endif
