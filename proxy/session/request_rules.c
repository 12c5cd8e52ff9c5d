#include "proxy/session/request_rules.h"

#include "proxy/http/head.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/admission.h"
#include "proxy/session/client.h"
#include "proxy/session/misdirected.h"

static bool is_too_large(const struct head *head, uint64_t max_body)
{
    return max_body > 0 && head->body == BODY_LENGTH && head->length > max_body;
}

static enum end_reason judge_path(
    const struct access_rules *rules, const struct head *head, const char **fields)
{
    switch (access_rules_judge(rules, head->method, head->target)) {
    case PATH_UNKNOWN:
        return END_PATH_REFUSED;
    case PATH_METHOD_NOT_ALLOWED:
        *fields = access_rules_allowed(rules, head->target);
        return END_METHOD_REFUSED;
    default:
        return END_DONE;
    }
}

static enum end_reason judge_logins(const struct client *c, const char **fields)
{
    if (!source_logins_exhausted(
            c->source, c->service->settings->auth_failures, loop_now(c->clients->loop)))
        return END_DONE;
    *fields = "Retry-After: 60\r\n";
    return END_AUTH_FAILURES;
}

enum end_reason request_rules_judge(
    const struct client *c, const struct head *head, const char **fields)
{
    enum end_reason reason;

    if (is_too_large(head, c->service->settings->max_body))
        return END_BODY_TOO_LARGE;
    if (client_is_misdirected(c, head))
        return END_MISDIRECTED;
    reason = judge_path(c->service->rules, head, fields);
    return reason == END_DONE ? judge_logins(c, fields) : reason;
}
