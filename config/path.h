/*
 * path.h - paths of files, as texts and as places.
 */
#ifndef WLBPROXY_CONFIG_PATH_H
#define WLBPROXY_CONFIG_PATH_H

#include <stdbool.h>

/* The folder of a path; the caller frees. */
char *folder_of_path(const char *path);
/* The last part of a path; borrowed. */
const char *name_of_path(const char *path);

/* Returns whether two paths lead to one place. There may be no file yet. */
bool is_same_path(const char *a, const char *b);

/* "<a><b><c>"; the caller frees. */
char *path_join(const char *a, const char *b, const char *c);

#endif
