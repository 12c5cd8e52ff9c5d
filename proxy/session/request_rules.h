/*
 * request_rules.h - judges by its head whether a client's request is passed on: max_body,
 * Host (misdirected.h), `paths` (access_rules.h) and `auth_failures` (admission.h).
 */
#ifndef WLBPROXY_SESSION_REQUEST_RULES_H
#define WLBPROXY_SESSION_REQUEST_RULES_H

#include "proxy/base/end_reason.h"

struct client;
struct head;

/* END_DONE: it is passed on. Else the reason; *fields, if set, are whole lines for the
 * head of the reply, and live as long as the service. */
enum end_reason request_rules_judge(
    const struct client *c, const struct head *head, const char **fields);

#endif
