#include "config/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/text_list.h"
#include "proxy/base/memory.h"

char *path_join(const char *a, const char *b, const char *c)
{
    return memory_format("%s%s%s", a, b, c);
}

const char *name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

char *folder_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = memory_text(slash == NULL ? "." : path);

    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

/* Resolves all links; of a missing file those of its folder. NULL: the folder is missing,
 * too. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL), *folder, *real_folder;

    if (real != NULL || errno != ENOENT)
        return real;
    folder = folder_of_path(path);
    real_folder = realpath(folder, NULL);
    if (real_folder != NULL)
        real = path_join(real_folder, "/", name_of_path(path));
    free(real_folder);
    free(folder);
    return real;
}

bool is_same_path(const char *a, const char *b)
{
    char *one = real_path(a), *other = real_path(b);
    bool same =
        strcmp(a, b) == 0 || (one != NULL && other != NULL && strcmp(one, other) == 0);

    free(other);
    free(one);
    return same;
}
