#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/install/pair_parts.h"
#include "config/error.h"
#include "config/text_list.h"

enum { LINKS_MAX = 40 };

const char *const pair_names[PAIR_FILES] = {"server.pem", "server.key"};

/* *text NULL: it is no link, or not there. False: one cannot know. */
static bool read_link(const char *path, char **text, struct error *err)
{
    char found[PATH_MAX];
    ssize_t len = readlink(path, found, sizeof(found) - 1);

    *text = NULL;
    if (len < 0)
        return errno == EINVAL || errno == ENOENT || errno == ENOTDIR ||
            error_set(err, "%s: whether it is a link cannot be seen: %s", path,
                error_reason(errno));
    found[len] = '\0';
    *text = text_copy(found);
    return true;
}

/* Relative where that can be, so that the link also leads there inside of a container. */
char *pair_link_text(const char *path, const char *store, int which)
{
    char *folder = folder_of_path(path), *store_folder = folder_of_path(store);
    bool beside = strcmp(folder, store_folder) == 0;
    char *current = path_join(beside ? name_of_path(store) : store, "/current/", "");
    char *text = path_join(current, pair_names[which], "");

    free(current);
    free(store_folder);
    free(folder);
    return text;
}

bool pair_is_link(const char *path, const char *text, bool *is_link, struct error *err)
{
    char *found;
    bool known = read_link(path, &found, err);

    *is_link = found != NULL && strcmp(found, text) == 0;
    free(found);
    return known;
}

/* With the folder's links resolved, but not the file's own. */
static char *canonical(const char *path, struct error *err)
{
    char *folder = folder_of_path(path);
    char *real = realpath(folder, NULL);
    char *result = NULL;

    if (real == NULL)
        error_set(err, "%s: its folder %s: %s", path, folder, error_reason(errno));
    else
        result = path_join(strcmp(real, "/") == 0 ? "" : real, "/", name_of_path(path));
    free(real);
    free(folder);
    return result;
}

static char *target_of(const char *path, const char *link, struct error *err)
{
    char *folder = folder_of_path(path);
    char *joined = *link == '/' ? text_copy(link) : path_join(folder, "/", link);
    char *target = canonical(joined, err);

    free(joined);
    free(folder);
    return target;
}

/* The link at `path` that is to be followed. NULL: it is ours, or there is none; or it
 * cannot be read, and err. */
static char *foreign_link(
    const char *path, const char *store, int which, bool *known, struct error *err)
{
    char *own_store = path_join(path, "_history", "");
    char *ours = pair_link_text(path, store != NULL ? store : own_store, which);
    char *link;

    *known = read_link(path, &link, err);
    if (link != NULL && strcmp(link, ours) == 0) {
        free(link);
        link = NULL;
    }
    free(ours);
    free(own_store);
    return link;
}

/* Where the file really is. `store` NULL: beside the file itself. */
static char *resolve(const char *given, const char *store, int which, struct error *err)
{
    char *path = canonical(given, err);

    for (int i = 0; path != NULL; i++) {
        bool known;
        char *link = foreign_link(path, store, which, &known, err), *target = NULL;

        if (link == NULL && known)
            return path;
        if (link != NULL && i < LINKS_MAX)
            target = target_of(path, link, err);
        else if (link != NULL)
            error_set(err, "%s: there are too many symbolic links", given);
        free(link);
        free(path);
        path = target;
    }
    return NULL;
}

static bool folder_is_safe(const char *path, struct error *err)
{
    char *folder = folder_of_path(path);
    struct stat state;
    bool good = stat(folder, &state) == 0 ||
        error_set(err, "%s: %s", folder, error_reason(errno));

    if (good && (state.st_mode & S_IWOTH) != 0 && (state.st_mode & S_ISVTX) == 0)
        good = error_set(err,
            "%s: every user may write in this folder, so anybody could put another key "
            "in place; first: chmod o-w %s",
            folder, folder);
    free(folder);
    return good;
}

bool pair_file_init(
    struct pair_file *pair, const char *cert, const char *key, struct error *err)
{
    bool merged = key == NULL || *key == '\0' || is_same_path(cert, key);

    *pair = (struct pair_file){.lock = -1};
    if (!merged)
        pair->path[PAIR_KEY] = resolve(key, NULL, PAIR_KEY, err);
    if (merged || pair->path[PAIR_KEY] != NULL) {
        if (!merged)
            pair->store = path_join(pair->path[PAIR_KEY], "_history", "");
        pair->path[PAIR_CERT] = resolve(cert, pair->store, PAIR_CERT, err);
    }
    if (pair->path[PAIR_CERT] != NULL && merged)
        pair->store = path_join(pair->path[PAIR_CERT], "_history", "");
    if (pair->path[PAIR_CERT] != NULL && pair->path[PAIR_KEY] != NULL &&
        strcmp(pair->path[PAIR_CERT], pair->path[PAIR_KEY]) == 0)
        (void)error_set(err, "%s: certificate and key would be one file", cert);
    else if (pair->path[PAIR_CERT] != NULL &&
        folder_is_safe(pair->path[PAIR_CERT], err) &&
        (merged || folder_is_safe(pair->path[PAIR_KEY], err)))
        return true;
    pair_file_destroy(pair);
    return false;
}
