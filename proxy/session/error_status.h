/*
 * error_status.h - the reply to a client when no backend's reply can be passed on.
 *
 * Never 401 or 403: XAPI takes those for a wrong password.
 */
#ifndef WLBPROXY_SESSION_ERROR_STATUS_H
#define WLBPROXY_SESSION_ERROR_STATUS_H

#include "proxy/base/end_reason.h"

struct error_status {
    unsigned status;
    const char *text; /* one sentence for a person */
};

const struct error_status *error_status_of(enum end_reason reason);

#endif
