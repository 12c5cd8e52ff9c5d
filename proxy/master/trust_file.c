#include "proxy/master/trust_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { TRUST_FILE_MAX = 16 * 1024 * 1024 };

static bool is_readable_file(const struct stat *state, struct error *err)
{
    if (!S_ISREG(state->st_mode))
        return error_set(err, "is not a regular file");
    if (state->st_size == 0)
        return error_set(err, "is empty");
    if (state->st_size > TRUST_FILE_MAX)
        return error_set(err, "is larger than 16 MiB");
    return true;
}

/* The parsers would take the text for its beginning, and leave out what follows. */
static bool is_text(const char *text, size_t len, struct error *err)
{
    const char *nul = memchr(text, '\0', len);
    size_t line = 1;

    for (const char *at = text; nul != NULL && at < nul; at++)
        line += *at == '\n';
    return nul == NULL ||
        error_set(
            err, "line %zu has a NUL byte: save the file as plain text (PEM)", line);
}

static bool read_all(int fd, char **text, struct error *err)
{
    struct stat state;
    size_t len = 0;
    ssize_t got = 1;

    if (fstat(fd, &state) != 0)
        return error_set(err, "%s", error_reason(errno));
    if (!is_readable_file(&state, err))
        return false;
    *text = memory_raw((size_t)state.st_size + 1);
    while (len < (size_t)state.st_size && got > 0) {
        got = read(fd, *text + len, (size_t)state.st_size - len);
        len += got > 0 ? (size_t)got : 0;
    }
    (*text)[len] = '\0';
    if (got > 0)
        return is_text(*text, len, err);
    return error_set(
        err, "%s", got < 0 ? error_reason(errno) : "became shorter meanwhile");
}

bool trust_file_read(
    const char *path, enum trust_kind kind, char **text, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *text = NULL;
    bool good =
        fd >= 0 ? read_all(fd, text, err) : error_set(err, "%s", error_reason(errno));
    if (fd >= 0)
        close(fd);
    if (good && (kind == TRUST_PINS || trust_check(kind, *text, err)))
        return true;
    free(*text);
    *text = NULL;
    return error_context(err, "%s", path);
}

bool trust_files_read(const struct text_list *paths, char **text, struct error *err)
{
    char *all = NULL;

    for (size_t i = 0; i < paths->count; i++) {
        char *one = NULL, *longer;

        if (!trust_file_read(paths->items[i], TRUST_LISTS, &one, err)) {
            free(all);
            return false;
        }
        longer = memory_format("%s%s\n", all != NULL ? all : "", one);
        free(one);
        free(all);
        all = longer;
    }
    *text = all;
    return true;
}
