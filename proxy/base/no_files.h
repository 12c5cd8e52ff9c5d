/*
 * no_files.h - takes the file system away from a process that needs none of it any more.
 *
 * Two means, each for what the other one lacks. An empty root: a folder that has no name
 * any more, so that no path leads anywhere, whatever call takes it (stat, connect). It
 * needs root or a user namespace. Landlock: no file can be opened, made or executed, and
 * no abstract unix socket of another process reached, by any user.
 *
 * The kernel may lack either one, or forbid it: `how` then says so, and the system call
 * filter (sandbox.h) still allows no call that opens a file.
 */
#ifndef WLBPROXY_BASE_NO_FILES_H
#define WLBPROXY_BASE_NO_FILES_H

#include <stddef.h>

enum { NO_FILES_TEXT_MAX = 160 };

/* Before privileges_drop(), and while there is one thread. */
void no_files_empty_root(char *how, size_t size);

/* After privileges_freeze(). */
enum no_files { NO_FILES, NO_FILES_READ_ONLY };
void no_files_landlock(enum no_files which, char *how, size_t size);

#endif
