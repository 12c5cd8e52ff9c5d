/*
 * health.h - the option `health` ("off", "connect", or "GET /path"), and the statuses
 * that a healthy backend answers with ("200-399,401").
 */
#ifndef WLBPROXY_CONFIG_HEALTH_H
#define WLBPROXY_CONFIG_HEALTH_H

#include <stdbool.h>

struct error;

enum health_kind { HEALTH_OFF, HEALTH_CONNECT, HEALTH_REQUEST };

/* The parts of a request; both point into the text. */
struct health {
    enum health_kind kind;
    int method_len;
    const char *method;
    const char *target; /* up to the text's end */
};

bool health_parse(const char *text, struct health *health, struct error *err);

/* Checks the syntax only. */
bool health_statuses_check(const char *text, struct error *err);

/* Returns whether the status is in the list. The text has been checked. */
bool health_statuses_have(const char *text, unsigned status);

#endif
