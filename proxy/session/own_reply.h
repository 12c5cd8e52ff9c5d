/*
 * own_reply.h - what a client is told when no backend's reply can be passed on.
 *
 * Never 401 or 403: XAPI takes those for a wrong password.
 */
#ifndef WLBPROXY_SESSION_OWN_REPLY_H
#define WLBPROXY_SESSION_OWN_REPLY_H

#include "proxy/base/end_reason.h"

struct own_reply {
    unsigned status;
    const char *text; /* one sentence for a person */
};

const struct own_reply *own_reply_for(enum end_reason reason);

#endif
