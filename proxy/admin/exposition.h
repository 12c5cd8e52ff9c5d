/*
 * exposition.h - the status (control.h) as the text that Prometheus reads, made from the
 * table of metrics (metrics.h). Pure.
 */
#ifndef WLBPROXY_ADMIN_EXPOSITION_H
#define WLBPROXY_ADMIN_EXPOSITION_H

#include <jansson.h>

struct buffer;

enum exposition_format {
    EXPOSITION_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
    EXPOSITION_PROMETHEUS, /* text/plain; version=0.0.4 */
};

void exposition_write(
    struct buffer *out, enum exposition_format format, const json_t *status);

#endif
