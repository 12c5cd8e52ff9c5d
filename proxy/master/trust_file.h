/*
 * trust_file.h - reads trusted issuers and revocation lists: PEM texts passed on
 * unchanged.
 */
#ifndef WLBPROXY_MASTER_TRUST_FILE_H
#define WLBPROXY_MASTER_TRUST_FILE_H

#include <stdbool.h>

#include "certstore/trust.h"

struct error;
struct text_list;

/* The caller frees. Refuses anything but a regular file (a FIFO does not hang it), an
 * empty file, one above 16 MiB, one with a NUL byte, and one of which trust_check()
 * complains (not of pins); err begins with the path. */
bool trust_file_read(
    const char *path, enum trust_kind kind, char **text, struct error *err);

/* Reads all of these revocation lists, one behind the other. */
bool trust_files_read(const struct text_list *paths, char **text, struct error *err);

#endif
