/*
 * migrate_tls.h - the TLS versions and level of a stunnel service as options of ours
 * (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_TLS_H
#define WLBPROXY_CONFIG_MIGRATE_TLS_H

#include <stdbool.h>
#include <stdio.h>

#include "config/stunnel_text.h"

struct migrate_tls {
    bool only_13; /* TLS 1.2 is switched off */
    /* Lines that switch TLS 1.3 off, want only protocols that nobody uses any more, or
     * want a security level below ours; NULL: none. The service is written all the same,
     * with a note. */
    const struct stunnel_line *no_13, *only_old, *low_level;
    unsigned security_level; /* 0: the default */
    const struct stunnel_line *ciphers; /* NULL: stunnel's default */
};

void migrate_tls_read(
    struct migrate_tls *tls, const struct stunnel_text *t, size_t first, size_t end);

#endif
