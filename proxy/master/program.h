/*
 * program.h - this program's own file, from which a successor is started, and the
 * programs of its children.
 *
 * The latter are opened once, at start: a child that replaces another one is of the
 * running master's build, even after a package upgrade.
 */
#ifndef WLBPROXY_MASTER_PROGRAM_H
#define WLBPROXY_MASTER_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct error;

enum program_child {
    PROGRAM_WORKER,
    PROGRAM_WORKER_WITH_KEYS, /* signer = off: the one that can read private keys */
    PROGRAM_SIGNER,
    PROGRAM_ADMIN,
    PROGRAM_CHILDREN,
};

/* Identifies the file that a path leads to: another file has another number or time. */
struct program_file {
    dev_t device; /* all 0: none */
    ino_t inode;
    struct timespec changed;
};

/* False: there is none. */
bool program_file_of(const char *path, struct program_file *file);
bool program_file_equal(const struct program_file *a, const struct program_file *b);

struct program {
    char path[PATH_MAX]; /* its place when we started */
    struct program_file file; /* the file that we run */
    int children[PROGRAM_CHILDREN]; /* O_PATH */
};

/* The children's programs lie beside ours, in the build tree, or where they were
 * installed. */
bool program_find(struct program *program, struct error *err);

/* "wlbproxy-worker" */
const char *program_name(enum program_child child);

#endif
