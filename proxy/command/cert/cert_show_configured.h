/*
 * cert_show_configured.h - shows the certificates that a configuration names, beside
 * those that the running proxy serves.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_SHOW_CONFIGURED_H
#define WLBPROXY_COMMAND_CERT_CERT_SHOW_CONFIGURED_H

#include <stdbool.h>

/* Prints them and returns the exit status. `config` and `control` may be NULL: the
 * defaults. */
int show_configured(const char *config, const char *control, bool json);

#endif
