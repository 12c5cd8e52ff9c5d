/*
 * migrate_tls.h - which TLS a stunnel service speaks, in our words (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_TLS_H
#define WLBPROXY_CONFIG_MIGRATE_TLS_H

#include <stdbool.h>
#include <stdio.h>

#include "config/stunnel_text.h"

struct migrate_tls {
    bool only_13; /* TLS 1.2 is switched off */
    /* A line that switches TLS 1.3 off, or wants only protocols that nobody speaks any
     * more, or a security level below ours; NULL: none. Served all the same, and told. */
    const struct stunnel_line *no_13, *only_old, *low_level;
    unsigned security_level; /* 0: the default */
    const struct stunnel_line *ciphers; /* NULL: stunnel's default */
};

void migrate_tls_read(
    struct migrate_tls *tls, const struct stunnel_text *t, size_t first, size_t end);

#endif
