#include "proxy/master/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/master/spawn.h"

static const char *const names[PROGRAM_CHILDREN] = {
    [PROGRAM_WORKER] = "wlbproxy-worker",
    [PROGRAM_WORKER_WITH_KEYS] = "wlbproxy-worker-with-keys",
    [PROGRAM_SIGNER] = "wlbproxy-signer",
    [PROGRAM_ADMIN] = "wlbproxy-admin",
};

/* Searched after our own folder; set by CMake. */
static const char *const folders[] = {WLB_PROGRAM_FOLDERS};

const char *program_name(enum program_child child)
{
    return names[child];
}

/* Its number is above those of the descriptors that a child gets. */
static int open_high(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    int high = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FDS) : -1;

    if (fd >= 0)
        close(fd);
    return high;
}

static int open_in(const char *folder, size_t folder_len, const char *name)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%.*s/%s", (int)folder_len, folder, name);

    return len > 0 && len < (int)sizeof(path) ? open_high(path) : -1;
}

static int open_child(const struct program *program, const char *name)
{
    const char *slash = strrchr(program->path, '/');
    int fd =
        open_in(program->path, slash != NULL ? (size_t)(slash - program->path) : 0, name);

    for (size_t i = 0; fd < 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        fd = open_in(folders[i], strlen(folders[i]), name);
    return fd;
}

bool program_file_of(const char *path, struct program_file *file)
{
    struct stat state;

    *file = (struct program_file){0};
    if (stat(path, &state) != 0 || !S_ISREG(state.st_mode))
        return false;
    *file = (struct program_file){state.st_dev, state.st_ino, state.st_mtim};
    return true;
}

bool program_file_equal(const struct program_file *a, const struct program_file *b)
{
    return a->device == b->device && a->inode == b->inode &&
        a->changed.tv_sec == b->changed.tv_sec &&
        a->changed.tv_nsec == b->changed.tv_nsec;
}

bool program_find(struct program *program, struct error *err)
{
    ssize_t len = readlink("/proc/self/exe", program->path, sizeof(program->path) - 1);

    if (len < 0)
        return error_set(err, "/proc/self/exe: %s; is /proc mounted?", strerror(errno));
    program->path[len] = '\0';
    (void)program_file_of("/proc/self/exe", &program->file);
    for (int i = 0; i < PROGRAM_CHILDREN; i++) {
        program->children[i] = open_child(program, names[i]);
        if (program->children[i] < 0)
            return error_set(err, "%s is neither beside %s nor in %s: %s", names[i],
                program->path, folders[0], strerror(errno));
    }
    return true;
}
