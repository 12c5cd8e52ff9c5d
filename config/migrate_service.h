/*
 * migrate_service.h - judges the lines of one stunnel service together: the clients it
 * admits, its TLS, its timeouts, and the differences here (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_SERVICE_H
#define WLBPROXY_CONFIG_MIGRATE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/migrate_output.h"
#include "config/migrate_tls.h"
#include "config/migrate_verify.h"
#include "config/stunnel_text.h"

/* Lines [first, end) of a section, and the global ones that they do not override. */
struct migrate_service {
    const struct stunnel_text *from; /* borrowed */
    size_t first, end;
    bool is_http;
    struct migrate_verify verify;
    struct migrate_tls tls;
};

/* Returns the line that applies to the service, or NULL. */
const struct stunnel_line *migrate_find(
    const struct migrate_service *service, const char *name);

void migrate_service_write(
    const struct migrate_output *out, const struct migrate_service *service);

#endif
