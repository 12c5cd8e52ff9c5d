#include "proxy/command/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/finding.h"
#include "certstore/read/secret_file.h"
#include "config/error.h"

static bool is_equal_file(const char *path, const char *text, size_t len)
{
    struct secret_file file = {0};
    struct findings findings;
    bool equal;

    findings_init(&findings);
    equal = secret_file_read(&file, path, &findings) && file.len == len &&
        memcmp(file.text, text, len) == 0;
    secret_file_destroy(&file);
    findings_destroy(&findings);
    return equal;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return fsync(fd) == 0;
}

bool new_file_write(
    const char *path, const char *text, size_t len, bool *was_there, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    bool done;

    *was_there = fd < 0 && errno == EEXIST && is_equal_file(path, text, len);
    if (*was_there)
        return true;
    if (fd < 0 && errno == EEXIST)
        return error_set(err,
            "%s: there is another file of that name; move it away, or export into "
            "another folder",
            path);
    if (fd < 0)
        return error_set(err, "%s: it cannot be written: %s", path, strerror(errno));
    done = fchmod(fd, 0644) == 0 && write_all(fd, text, len);
    if (!done)
        error_set(err, "%s: it cannot be written: %s", path, strerror(errno));
    if (close(fd) != 0 && done)
        done = error_set(err, "%s: it cannot be written: %s", path, strerror(errno));
    if (!done)
        (void)unlink(path);
    return done;
}
