/*
 * secret_file.h - one file, read in one pass, into memory for secrets.
 *
 * What was read is one state of the file: while it changes it is read again, a few times.
 * Never hangs: a FIFO, a terminal or a device is refused, not waited for.
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
/* Likewise, of a file that is open for reading, from its beginning; `path` is for the
 * findings. */
bool secret_file_read_fd(
    struct secret_file *file, int fd, const char *path, struct findings *findings);
void secret_file_destroy(struct secret_file *file);

/* Whether the path still leads to the very bytes that were read. */
bool secret_file_is_current(const struct secret_file *file, const char *path);

#endif
