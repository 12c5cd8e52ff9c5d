/*
 * file_state.h - fstat(2) for a confined process: by the call that takes no path.
 *
 * glibc 2.33 to 2.38 make newfstatat(2) of it, with which a worker could look at any
 * path; the filter (sandbox.h) therefore forbids that one.
 */
#ifndef WLBPROXY_BASE_FILE_STATE_H
#define WLBPROXY_BASE_FILE_STATE_H

#include <sys/stat.h>

/* As fstat(). */
int file_state(int fd, struct stat *state);

#endif
