#include "proxy/master/program.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/error.h"

bool program_find(struct program *program, struct error *err)
{
    ssize_t len = readlink("/proc/self/exe", program->path, sizeof(program->path) - 1);
    struct stat state;

    if (len < 0)
        return error_set(err, "/proc/self/exe: %s; is /proc mounted?", strerror(errno));
    program->path[len] = '\0';
    if (stat(program->path, &state) != 0)
        return error_set(err, "%s: %s", program->path, strerror(errno));
    program->device = state.st_dev;
    program->inode = state.st_ino;
    return true;
}

/* Not always /proc/self/exe: under valgrind that is valgrind. */
const char *program_running(const struct program *program)
{
    struct stat state;

    if (stat(program->path, &state) == 0 && state.st_dev == program->device &&
        state.st_ino == program->inode)
        return program->path;
    return "/proc/self/exe";
}
