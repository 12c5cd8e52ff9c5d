/*
 * program.h - this program's own file, to start workers from the very binary that runs,
 * and a successor from what lies at its place by then.
 */
#ifndef WLBPROXY_MASTER_PROGRAM_H
#define WLBPROXY_MASTER_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct error;

struct program {
    char path[PATH_MAX]; /* where it was when we started */
    dev_t device;
    ino_t inode;
};

bool program_find(struct program *program, struct error *err);

/* The path while our own file is still there, else /proc/self/exe. */
const char *program_running(const struct program *program);

#endif
