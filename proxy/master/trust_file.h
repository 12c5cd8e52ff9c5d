/*
 * trust_file.h - trusted issuers and revocation lists: PEM texts passed on as they are.
 */
#ifndef WLBPROXY_MASTER_TRUST_FILE_H
#define WLBPROXY_MASTER_TRUST_FILE_H

#include <stdbool.h>

struct error;
struct text_list;

/* The caller frees. Refuses what is no regular file (no hanging on a FIFO), empty, or
 * above 16 MiB; err begins with the path. */
bool trust_file_read(const char *path, char **text, struct error *err);

/* All of them, one behind the other. */
bool trust_files_read(const struct text_list *paths, char **text, struct error *err);

#endif
