/*
 * cert_show.h - the parts of `wlbproxy cert show`.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_SHOW_H
#define WLBPROXY_COMMAND_CERT_CERT_SHOW_H

#include <stdbool.h>

#include <jansson.h>

/* LISTING (cert_listing.h) with "file", "format"?, "findings" and "ok": all of it was
 * read.
 */
json_t *show_file(const char *path, const char *password);
void show_file_print(const json_t *shown);

/* What the configuration names, and what is served. The exit status. */
int show_configured(const char *config, const char *control, bool json);

#endif
