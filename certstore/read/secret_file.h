/*
 * secret_file.h - one file, read in one pass, into memory for secrets.
 *
 * The result is one state of the file: if it changes meanwhile it is read again, a few
 * times. Reading never hangs: a FIFO, a terminal or a device is refused.
 */
#ifndef WLBPROXY_CERTSTORE_READ_SECRET_FILE_H
#define WLBPROXY_CERTSTORE_READ_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct findings;

struct secret_file {
    char *text; /* not NUL-terminated */
    size_t len;
    struct stat state;
};

/* False: the finding says why. */
bool secret_file_read(
    struct secret_file *file, const char *path, struct findings *findings);
/* The same for an open file, from its beginning; `path` is for the findings. */
bool secret_file_read_fd(
    struct secret_file *file, int fd, const char *path, struct findings *findings);
void secret_file_destroy(struct secret_file *file);

/* Returns whether the path still leads to exactly the bytes that were read. */
bool secret_file_is_current(const struct secret_file *file, const char *path);

#endif
