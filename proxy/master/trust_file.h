/*
 * trust_file.h - reads trusted issuers and revocation lists: PEM texts passed on
 * unchanged.
 */
#ifndef WLBPROXY_MASTER_TRUST_FILE_H
#define WLBPROXY_MASTER_TRUST_FILE_H

#include <stdbool.h>

struct error;
struct text_list;

/* The caller frees. Refuses anything but a regular file (a FIFO does not hang it), an
 * empty file, and one above 16 MiB; err begins with the path. */
bool trust_file_read(const char *path, char **text, struct error *err);

/* Reads all of them, one behind the other. */
bool trust_files_read(const struct text_list *paths, char **text, struct error *err);

#endif
