/*
 * file_state.h - fstat(2) for a confined process, by the system call that takes no path.
 *
 * glibc 2.33 to 2.38 use newfstatat(2) for it, with which a worker could look at any
 * path. The filter (sandbox.h) therefore forbids that call.
 */
#ifndef WLBPROXY_BASE_FILE_STATE_H
#define WLBPROXY_BASE_FILE_STATE_H

#include <sys/stat.h>

/* Like fstat(). */
int file_state(int fd, struct stat *state);

#endif
