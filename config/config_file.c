#include "config/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { FILE_MAX = 1024 * 1024 };

static bool is_plain_file(int fd, struct error *err)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return error_set(err, "%s", error_reason(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(err, "this is a directory, not a file");
    if (!S_ISREG(status.st_mode))
        return error_set(err, "this is not a regular file");
    if (status.st_size > FILE_MAX)
        return error_set(err, "larger than 1 MiB: this is no configuration");
    return true;
}

static bool read_all(int fd, char *text, size_t *len, struct error *err)
{
    *len = 0;
    for (;;) {
        ssize_t got = read(fd, text + *len, FILE_MAX + 1 - *len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, "cannot be read: %s", error_reason(errno));
        if (got == 0)
            return true;
        *len += (size_t)got;
        if (*len > FILE_MAX)
            return error_set(err, "larger than 1 MiB: this is no configuration");
    }
}

static bool has_no_nul(const char *text, size_t len, struct error *err)
{
    const char *nul = memchr(text, '\0', len);
    unsigned line = 1;

    if (nul == NULL)
        return true;
    for (const char *c = text; c < nul; c++)
        line += *c == '\n';
    return error_set(
        err, "line %u has a NUL byte: save the file as plain text (UTF-8)", line);
}

static char *read_fd(int fd, struct error *err)
{
    char *text;
    size_t len;

    if (!is_plain_file(fd, err))
        return NULL;
    text = memory_raw(FILE_MAX + 2);
    if (read_all(fd, text, &len, err) && has_no_nul(text, len, err)) {
        text[len] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

char *config_file_read(const char *path, bool *missing, struct error *err)
{
    /* O_NONBLOCK: opening a FIFO that nobody writes to must not hang us. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char *text;

    *missing = fd < 0 && errno == ENOENT;
    if (fd < 0) {
        error_set(err, "%s: cannot be opened: %s", path, error_reason(errno));
        return NULL;
    }
    text = read_fd(fd, err);
    close(fd);
    if (text == NULL)
        error_context(err, "%s", path);
    return text;
}
