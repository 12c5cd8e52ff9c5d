/*
 * cert_show_file.h - describes the certificates, keys and requests of one file as an
 * object and in print.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_SHOW_FILE_H
#define WLBPROXY_COMMAND_CERT_CERT_SHOW_FILE_H

#include <jansson.h>

/* LISTING (cert_listing.h) with "file", "format"?, "findings" and "ok": all of it was
 * read. `password` may be NULL. The caller owns the object. */
json_t *show_file(const char *path, const char *password);
void show_file_print(const json_t *shown);

#endif
