#include "certstore/install/pair_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "certstore/install/mount_point.h"
#include "config/path.h"
#include "config/remedy.h"
#include "proxy/base/error.h"

void pair_file_destroy(struct pair_file *pair)
{
    for (int i = 0; i < PAIR_FILES; i++) {
        free(pair->path[i]);
        free(pair->name[i]);
        folder_close(&pair->folder[i]);
    }
    free(pair->store);
    folder_close(&pair->store_folder);
    *pair = (struct pair_file)PAIR_FILE_EMPTY;
}

int pair_count(const struct pair_file *pair)
{
    return pair->path[PAIR_KEY] == NULL ? 1 : PAIR_FILES;
}

/* ---- where the files are ---- */

const struct folder *pair_file_store_parent(const struct pair_file *pair)
{
    return &pair->folder[pair->path[PAIR_KEY] != NULL ? PAIR_KEY : PAIR_CERT];
}

/* Makes the text of our link in `folder`. It is relative where possible, so that it leads
 * to the same place inside a container. The caller frees. */
static char *link_text(const char *store, const char *folder, int which)
{
    char *store_folder = folder_of_path(store);
    bool beside = strcmp(folder, store_folder) == 0;
    char *start = path_join(beside ? name_of_path(store) : store, "/current/", "");
    char *text = path_join(start, pair_names[which], "");

    free(start);
    free(store_folder);
    return text;
}

char *pair_file_link_text(const struct pair_file *pair, int which)
{
    return link_text(pair->store, pair->folder[which].path, which);
}

struct own_link {
    const char *store; /* NULL: beside the file itself */
    int which;
};

static bool is_own_link(
    const void *context, const struct folder *folder, const char *name, const char *text)
{
    const struct own_link *own = context;
    char *start = path_join(folder->path, "/", name);
    char *beside = path_join(start, "_history", "");
    char *ours =
        link_text(own->store != NULL ? own->store : beside, folder->path, own->which);
    bool same = strcmp(text, ours) == 0;

    free(ours);
    free(beside);
    free(start);
    return same;
}

static bool folder_is_safe(const struct folder *folder, struct error *err)
{
    struct stat state;
    char *word;

    if (fstat(folder->fd, &state) != 0)
        return error_set(err, "%s: %s", folder->path, error_reason(errno));
    if ((state.st_mode & S_IWOTH) == 0 || (state.st_mode & S_ISVTX) != 0)
        return true;
    word = shell_word(folder->path);
    error_set(err,
        "%s: every user may write in this folder, so anybody could put another key in "
        "place; first: " COMMAND("chmod o-w %s"),
        folder->path, word);
    free(word);
    return false;
}

static bool find(struct pair_file *pair, int which, const char *given, struct error *err)
{
    const struct own_link own = {pair->store, which};
    const struct link_rule rule = {is_own_link, &own};
    struct folder *folder = &pair->folder[which];

    if (!folder_of_file(folder, given, &rule, &pair->name[which], err))
        return false;
    pair->path[which] = path_join(
        strcmp(folder->path, "/") == 0 ? "" : folder->path, "/", pair->name[which]);
    return folder_is_safe(folder, err) && mount_point_check(pair->path[which], err);
}

/* The store, if there is one. */
static bool look_for_store(struct pair_file *pair, struct error *err)
{
    bool has;

    return folder_has(
               pair_file_store_parent(pair), name_of_path(pair->store), &has, err) &&
        (!has ||
            folder_open_in(&pair->store_folder, pair_file_store_parent(pair),
                name_of_path(pair->store), err));
}

static bool look_at_access(struct pair_file *pair, struct error *err);

static bool find_all(
    struct pair_file *pair, const char *cert, const char *key, struct error *err)
{
    bool merged = key == NULL || *key == '\0' || is_same_path(cert, key);

    if (!merged) {
        if (!find(pair, PAIR_KEY, key, err))
            return false;
        pair->store = path_join(pair->path[PAIR_KEY], "_history", "");
    }
    if (!find(pair, PAIR_CERT, cert, err))
        return false;
    if (merged)
        pair->store = path_join(pair->path[PAIR_CERT], "_history", "");
    else if (strcmp(pair->path[PAIR_CERT], pair->path[PAIR_KEY]) == 0)
        return error_set(err, "%s: certificate and key would be one file", cert);
    return look_for_store(pair, err) && look_at_access(pair, err);
}

bool pair_file_init(
    struct pair_file *pair, const char *cert, const char *key, struct error *err)
{
    *pair = (struct pair_file)PAIR_FILE_EMPTY;
    if (find_all(pair, cert, key, err))
        return true;
    pair_file_destroy(pair);
    return false;
}

/* ---- what is there ---- */

bool pair_file_hangs(
    const struct pair_file *pair, int which, bool *hangs, struct error *err)
{
    char *text, *ours;

    if (!folder_read_link(&pair->folder[which], pair->name[which], &text, err))
        return false;
    ours = pair_file_link_text(pair, which);
    *hangs = text != NULL && strcmp(text, ours) == 0;
    free(ours);
    free(text);
    return true;
}

/* Our link leads to a folder of the store. Any other link here is not ours. */
bool pair_file_read_one(
    const struct pair_file *pair, int which, struct file_text *file, struct error *err)
{
    char *folder = NULL;
    bool hangs, good;

    *file = (struct file_text){0};
    if (!pair_file_hangs(pair, which, &hangs, err))
        return false;
    if (!hangs)
        return folder_read(&pair->folder[which], pair->name[which], file, err);
    if (pair->store_folder.fd < 0)
        return true; /* it leads nowhere */
    good = folder_read_link(&pair->store_folder, pair_current, &folder, err);
    if (good && folder != NULL && strchr(folder, '/') != NULL)
        good = error_set(
            err, "%s/%s: this link is not ours; move it away", pair->store, pair_current);
    if (good && folder != NULL)
        good = store_read_file(&pair->store_folder, folder, which, file, err);
    free(folder);
    return good;
}

bool pair_file_read(
    const struct pair_file *pair, struct pair_text *text, struct error *err)
{
    *text = (struct pair_text){0};
    for (int i = 0; i < pair_count(pair); i++) {
        struct file_text file;

        if (!pair_file_read_one(pair, i, &file, err)) {
            pair_text_destroy(text);
            return false;
        }
        pair_text_put(text, i, &file);
    }
    return true;
}

bool pair_file_exists(const struct pair_file *pair)
{
    struct error ignored;
    bool has;

    for (int i = 0; i < pair_count(pair); i++) {
        if (!folder_has(&pair->folder[i], pair->name[i], &has, &ignored) || has)
            return true;
    }
    return false;
}

void pair_file_owner(const struct pair_file *pair, uid_t *uid, gid_t *gid)
{
    const struct file_access *access = &pair->access[pair_count(pair) - 1];

    *uid = access->uid;
    *gid = access->gid;
}

/* Somebody chose the group that may read the secret. A mode that lets every user read it
 * is a mistake, and not kept. */
static mode_t mode_to_keep(const struct pair_file *pair, int which, mode_t mode)
{
    bool secret = which == PAIR_KEY || pair->path[PAIR_KEY] == NULL;

    if (secret && (mode & S_IRWXO) != 0)
        return 0600;
    return (mode & 0777) | S_IRUSR;
}

/* Reads the access of a regular file, also through our link; otherwise it is not
 * known. */
static bool access_in_place(const struct pair_file *pair, int which,
    struct file_access *access, struct error *err)
{
    struct file_text file;
    bool is_link;

    if (!folder_look(&pair->folder[which], pair->name[which], access, &is_link, err))
        return false;
    if (!is_link)
        return true;
    if (!pair_file_read_one(pair, which, &file, err))
        return false;
    *access = file.access;
    file_text_destroy(&file);
    return true;
}

/* A missing file gets the access of the other one. */
static bool look_at_access(struct pair_file *pair, struct error *err)
{
    const int count = pair_count(pair);
    struct file_access found[PAIR_FILES];

    for (int i = 0; i < count; i++) {
        if (!access_in_place(pair, i, &found[i], err))
            return false;
    }
    for (int i = 0; i < count; i++) {
        const struct file_access *other = &found[count - 1 - i];
        bool secret = i == PAIR_KEY || count == 1;

        pair->access[i] = found[i].is_known ? found[i]
            : other->is_known               ? *other
                              : folder_access_of_new(&pair->folder[i], 0600);
        pair->access[i].mode = found[i].is_known ? mode_to_keep(pair, i, found[i].mode)
                                                 : (mode_t)(secret ? 0600 : 0644);
    }
    return true;
}

struct file_access pair_file_access(
    const struct pair_file *pair, const struct pair_text *text, int which)
{
    struct file_access access = text->access[which];

    if (!access.is_known)
        return pair->access[which];
    access.mode = mode_to_keep(pair, which, access.mode);
    return access;
}
