#include "certstore/read/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certstore/finding.h"
#include "certstore/pem.h"
#include "certstore/secrets.h"
#include "config/remedy.h"

enum { ATTEMPTS = 6, PAUSE_MS = 20 };

enum outcome { READ_DONE, READ_CHANGED, READ_FAILED };

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
        a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
        a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
        a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
        a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void add_errno(
    struct findings *findings, const char *path, const char *what, int code)
{
    const char *remedy = "look at it with: " COMMAND("namei -l FILE");

    if (code == ENOENT)
        remedy = "check the path, or make a placeholder with: " COMMAND(
            "wlbproxy cert create");
    else if ((code == EACCES || code == EPERM) && geteuid() != 0)
        remedy = "run wlbproxy as root, who may read it";
    findings_add(findings, code == ENOENT ? "missing" : "unreadable", SEVERITY_REFUSED,
        path, "without its certificate and key the proxy cannot answer XenServer", remedy,
        "%s: %s", what, strerror(code));
}

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a FIFO";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    case S_IFSOCK:
        return "a socket";
    default:
        return "not a regular file";
    }
}

static enum outcome add_not_a_file(
    struct findings *findings, const char *path, mode_t mode)
{
    findings_add(findings, "not-a-file", SEVERITY_REFUSED, path,
        "a certificate or key is read whole, from a regular file",
        "name a regular file with PEM text in the configuration", "it is %s",
        kind_of(mode));
    return READ_FAILED;
}

static enum outcome read_all(
    int fd, struct secret_file *file, const char *path, struct findings *findings)
{
    size_t capacity = (size_t)file->state.st_size + 1; /* notices a file that grew */

    file->text = secrets_alloc(capacity);
    while (file->len < capacity) {
        ssize_t got = read(fd, file->text + file->len, capacity - file->len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            add_errno(findings, path, "it cannot be read", errno);
            return READ_FAILED;
        }
        if (got == 0)
            break;
        file->len += (size_t)got;
    }
    return file->len == (size_t)file->state.st_size ? READ_DONE : READ_CHANGED;
}

static enum outcome read_open(
    int fd, struct secret_file *file, const char *path, struct findings *findings)
{
    struct stat after;
    enum outcome outcome;

    if (fstat(fd, &file->state) != 0) {
        add_errno(findings, path, "it cannot be looked at", errno);
        return READ_FAILED;
    }
    if (!S_ISREG(file->state.st_mode))
        return add_not_a_file(findings, path, file->state.st_mode);
    if (file->state.st_size > PEM_TEXT_MAX) {
        findings_add(findings, "too-large", SEVERITY_REFUSED, path,
            "no chain is that long; it is probably another file",
            "put only the chain of this server into it",
            "it has %lld bytes, more than 1 MiB", (long long)file->state.st_size);
        return READ_FAILED;
    }
    outcome = read_all(fd, file, path, findings);
    if (outcome == READ_DONE &&
        (fstat(fd, &after) != 0 || !same_state(&file->state, &after)))
        outcome = READ_CHANGED;
    return outcome;
}

static enum outcome try_read(
    struct secret_file *file, const char *path, struct findings *findings)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    enum outcome outcome;

    *file = (struct secret_file){0};
    if (fd < 0 && errno == ENXIO) {
        struct stat state; /* a socket cannot be opened */

        return add_not_a_file(
            findings, path, stat(path, &state) == 0 ? state.st_mode : S_IFIFO);
    }
    if (fd < 0) {
        add_errno(findings, path, "it cannot be opened", errno);
        return READ_FAILED;
    }
    outcome = read_open(fd, file, path, findings);
    (void)close(fd);
    if (outcome != READ_DONE)
        secret_file_destroy(file);
    return outcome;
}

/* Reads again while the file changes, a few times. */
static bool read_until_still(struct secret_file *file,
    enum outcome (*read_once)(
        struct secret_file *file, int fd, const char *path, struct findings *findings),
    int fd, const char *path, struct findings *findings)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    enum outcome outcome = read_once(file, fd, path, findings);

    for (int i = 1; i < ATTEMPTS && outcome == READ_CHANGED; i++) {
        (void)nanosleep(&pause, NULL);
        outcome = read_once(file, fd, path, findings);
    }
    if (outcome == READ_CHANGED)
        findings_add(findings, "changing", SEVERITY_REFUSED, path,
            "half a file would be half a certificate",
            "write a new file beside it and mv it into place, then: " COMMAND(
                "wlbproxy reload"),
            "it changed each of the %d times it was read", ATTEMPTS);
    return outcome == READ_DONE;
}

static enum outcome read_path(
    struct secret_file *file, int fd, const char *path, struct findings *findings)
{
    (void)fd;
    return try_read(file, path, findings);
}

bool secret_file_read(
    struct secret_file *file, const char *path, struct findings *findings)
{
    return read_until_still(file, read_path, -1, path, findings);
}

static enum outcome read_again(
    struct secret_file *file, int fd, const char *path, struct findings *findings)
{
    enum outcome outcome;

    *file = (struct secret_file){0};
    (void)lseek(fd, 0, SEEK_SET); /* fails for a FIFO, which is refused below */
    outcome = read_open(fd, file, path, findings);
    if (outcome != READ_DONE)
        secret_file_destroy(file);
    return outcome;
}

bool secret_file_read_fd(
    struct secret_file *file, int fd, const char *path, struct findings *findings)
{
    return read_until_still(file, read_again, fd, path, findings);
}

void secret_file_destroy(struct secret_file *file)
{
    secrets_free(file->text, file->len);
    file->text = NULL;
    file->len = 0;
}

bool secret_file_is_current(const struct secret_file *file, const char *path)
{
    struct stat now;

    return stat(path, &now) == 0 && same_state(&file->state, &now);
}
