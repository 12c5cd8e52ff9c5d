#include "certstore/install/pair_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/install/mount_point.h"
#include "certstore/install/pair_parts.h"
#include "certstore/secrets.h"
#include "config/error.h"
#include "config/path.h"
#include "config/remedy.h"
#include "config/text_list.h"

const char *const pair_names[PAIR_FILES] = {"server.pem", "server.key"};

/* Names in the store besides the history's: a pair that waits, copies of the present one
 * by what becomes of them, and the link that both paths hang on during a switch. */
static const char next[] = "next", old[] = "old", back[] = "back", undone[] = "undone";
static const char current[] = "current";

/* Others may pass through to the chain, but not look around. */
enum { STORE_MODE = 0711 };

void pair_text_destroy(struct pair_text *text)
{
    for (int i = 0; i < PAIR_FILES; i++)
        secrets_free(text->text[i], text->len[i]);
    *text = (struct pair_text){0};
}

bool pair_text_equal(const struct pair_text *a, const struct pair_text *b)
{
    for (int i = 0; i < PAIR_FILES; i++) {
        const char *one = a->text[i], *other = b->text[i];

        if (one == other)
            continue;
        if (one == NULL || other == NULL || a->len[i] != b->len[i] ||
            memcmp(one, other, a->len[i]) != 0)
            return false;
    }
    return true;
}

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

/* --- where the files are ---------------------------------------------------------------
 */

/* The folder in which the store is. */
static const struct folder *store_parent(const struct pair_file *pair)
{
    return &pair->folder[pair->path[PAIR_KEY] != NULL ? PAIR_KEY : PAIR_CERT];
}

/* What our link in `folder` says; relative where that can be, so that it also leads there
 * inside of a container. The caller frees. */
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

static char *link_text_of(const struct pair_file *pair, int which)
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

    return folder_has(store_parent(pair), name_of_path(pair->store), &has, err) &&
        (!has ||
            folder_open_in(
                &pair->store_folder, store_parent(pair), name_of_path(pair->store), err));
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

/* --- what is there
 * ----------------------------------------------------------------------
 */

/* Our link leads to a folder of the store; any other link here is none of ours. */
static bool read_one(
    const struct pair_file *pair, int which, struct file_text *file, struct error *err)
{
    char *text, *ours, *folder = NULL;
    bool is_ours, good;

    *file = (struct file_text){0};
    if (!folder_read_link(&pair->folder[which], pair->name[which], &text, err))
        return false;
    ours = link_text_of(pair, which);
    is_ours = text != NULL && strcmp(text, ours) == 0;
    free(ours);
    free(text);
    if (!is_ours)
        return folder_read(&pair->folder[which], pair->name[which], file, err);
    if (pair->store_folder.fd < 0)
        return true; /* it leads nowhere */
    good = folder_read_link(&pair->store_folder, current, &folder, err);
    if (good && folder != NULL && strchr(folder, '/') != NULL)
        good = error_set(
            err, "%s/%s: this link is not ours; move it away", pair->store, current);
    if (good && folder != NULL)
        good = store_read_file(pair, folder, which, file, err);
    free(folder);
    return good;
}

static void put(struct pair_text *text, int which, struct file_text *file)
{
    text->text[which] = file->text;
    text->len[which] = file->len;
    text->access[which] = file->access;
}

bool pair_file_read(
    const struct pair_file *pair, struct pair_text *text, struct error *err)
{
    *text = (struct pair_text){0};
    for (int i = 0; i < pair_count(pair); i++) {
        struct file_text file;

        if (!read_one(pair, i, &file, err)) {
            pair_text_destroy(text);
            return false;
        }
        put(text, i, &file);
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

/* A group that reads the secret was let in by somebody; every user was by mistake, and
 * then its mode is no wish to be kept. */
static mode_t mode_to_keep(const struct pair_file *pair, int which, mode_t mode)
{
    bool secret = which == PAIR_KEY || pair->path[PAIR_KEY] == NULL;

    if (secret && (mode & S_IRWXO) != 0)
        return 0600;
    return (mode & 0777) | S_IRUSR;
}

/* Of a regular file, also of one that hangs on our link; else it is not known. */
static bool access_in_place(const struct pair_file *pair, int which,
    struct file_access *access, struct error *err)
{
    struct file_text file;
    bool is_link;

    if (!folder_look(&pair->folder[which], pair->name[which], access, &is_link, err))
        return false;
    if (!is_link)
        return true;
    if (!read_one(pair, which, &file, err))
        return false;
    *access = file.access;
    file_text_destroy(&file);
    return true;
}

/* A file that is missing gets what the other one has. */
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

/* --- the switch
 * --------------------------------------------------------------------------
 */

static bool sync_folders(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++)
        good = folder_sync(&pair->folder[i], err);
    return good;
}

/* Step 5: a regular file in place of our link. */
static bool settle_file(const struct pair_file *pair, int which, struct error *err)
{
    const struct folder *folder = &pair->folder[which];
    const char *name = pair->name[which];
    struct pair_text text = {0};
    struct file_access access;
    struct file_text file;
    char *link, *ours;
    bool is_ours, good;

    if (!folder_read_link(folder, name, &link, err))
        return false;
    ours = link_text_of(pair, which);
    is_ours = link != NULL && strcmp(link, ours) == 0;
    free(ours);
    free(link);
    if (!is_ours)
        return folder_tidy(folder, name, err);
    if (!read_one(pair, which, &file, err))
        return false;
    put(&text, which, &file);
    access = pair_file_access(pair, &text, which);
    good = file.text == NULL
        ? folder_unlink(folder, name, err)
        : folder_write(folder, name, file.text, file.len, &access, err);
    file_text_destroy(&file);
    return good && folder_tidy(folder, name, err);
}

/* A copy of what is still present is of no use; of what was replaced, it is. */
static bool settle_copy(
    const struct pair_file *pair, const char *name, bool undo, struct error *err)
{
    struct pair_text copy, present;
    bool good, of_use, has;

    if (!folder_has(&pair->store_folder, name, &has, err))
        return false;
    if (!has)
        return true;
    if (!store_read(pair, name, &copy, err))
        return false;
    good = pair_file_read(pair, &present, err);
    of_use = good && !pair_text_equal(&copy, &present) &&
        !pair_text_equal(&copy, &(struct pair_text){0});
    pair_text_destroy(&copy);
    if (good)
        pair_text_destroy(&present);
    if (!good || !of_use)
        return good && store_remove(pair, name, err);
    if (!undo)
        return history_file(pair, name, time(NULL), err);
    return store_remove(pair, undone, err) && store_rename(pair, name, undone, err);
}

static bool settle(const struct pair_file *pair, struct error *err)
{
    const struct folder *store = &pair->store_folder;
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++)
        good = settle_file(pair, i, err);
    return good && sync_folders(pair, err) && settle_copy(pair, old, false, err) &&
        settle_copy(pair, back, true, err) && folder_unlink(store, current, err) &&
        folder_tidy(store, current, err) && store_remove(pair, next, err) &&
        store_remove(pair, "unfinished", err) && store_remove(pair, "adopted", err) &&
        history_drop_present(pair, err) && orig_update(pair, err) &&
        folder_sync(store, err) && sync_folders(pair, err);
}

/* Nobody else may prepare it for us. */
static bool store_is_ours(const struct pair_file *pair, struct error *err)
{
    const struct folder *store = &pair->store_folder;
    struct stat state;

    if (fstat(store->fd, &state) != 0)
        return error_set(err, "%s: %s", pair->store, error_reason(errno));
    if ((store->uid == geteuid() || store->uid == 0 ||
            store->uid == store_parent(pair)->uid ||
            store->uid == pair->access[pair_count(pair) - 1].uid) &&
        (state.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    return error_set(err,
        "%s: this folder belongs to user %ld, or others may write in it (mode %04o); "
        "look what is in it, and remove it",
        pair->store, (long)store->uid, (unsigned)state.st_mode & 07777);
}

/* What the umask took away; an interrupted command may have left it like that. */
static bool let_pass(const struct pair_file *pair, struct error *err)
{
    const struct folder *store = &pair->store_folder;
    struct stat state;

    if (fstat(store->fd, &state) != 0)
        return error_set(err, "%s: %s", pair->store, error_reason(errno));
    if ((state.st_mode & STORE_MODE) == STORE_MODE ||
        (geteuid() != 0 && geteuid() != state.st_uid))
        return true;
    return fchmod(store->fd, STORE_MODE) == 0 ||
        error_set(
            err, "%s: its mode cannot be set: %s", pair->store, error_reason(errno));
}

static bool open_store(struct pair_file *pair, struct error *err)
{
    const char *name = name_of_path(pair->store);

    if (pair->store_folder.fd < 0 &&
        !(folder_make(store_parent(pair), name, STORE_MODE, err) &&
            folder_open_in(&pair->store_folder, store_parent(pair), name, err)))
        return false;
    return store_is_ours(pair, err) && let_pass(pair, err);
}

static bool lock(const struct pair_file *pair, struct error *err)
{
    return flock(pair->store_folder.fd, LOCK_EX | LOCK_NB) == 0 ||
        error_set(err, "%s: another wlbproxy cert command is at work on this pair",
            pair->path[PAIR_CERT]);
}

bool pair_file_try(const struct pair_file *pair, struct error *err)
{
    for (int i = 0; i < pair_count(pair); i++) {
        if (!folder_is_writable(&pair->folder[i], err))
            return false;
    }
    if (pair->store_folder.fd < 0)
        return true;
    if (!store_is_ours(pair, err) || !lock(pair, err))
        return false;
    (void)flock(pair->store_folder.fd, LOCK_UN);
    return folder_is_writable(&pair->store_folder, err);
}

bool pair_file_open(struct pair_file *pair, bool *was_interrupted, struct error *err)
{
    bool has_current, has_next;

    *was_interrupted = false;
    if (!open_store(pair, err) || !lock(pair, err) ||
        !folder_has(&pair->store_folder, current, &has_current, err) ||
        !folder_has(&pair->store_folder, next, &has_next, err))
        return false;
    *was_interrupted = has_current || has_next;
    pair->is_open = true;
    return orig_adopt(pair, err) && settle(pair, err);
}

static bool point_current(
    const struct pair_file *pair, const char *target, struct error *err)
{
    return folder_link(&pair->store_folder, target, current, err) &&
        folder_sync(&pair->store_folder, err);
}

static bool hang_on_current(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++) {
        char *text = link_text_of(pair, i);

        good = folder_link(&pair->folder[i], text, pair->name[i], err);
        free(text);
    }
    return good && sync_folders(pair, err);
}

/* Steps 1 to 4. */
static bool switch_over(const struct pair_file *pair, const struct pair_text *present,
    const struct pair_text *fresh, const char *copy, struct error *err)
{
    if (!store_write(pair, next, fresh, err) || !store_write(pair, copy, present, err) ||
        !point_current(pair, copy, err) || !hang_on_current(pair, err))
        return false;
    if (point_current(pair, next, err))
        return true;
    /* It may have been renamed, and not synced. */
    (void)point_current(pair, copy, &(struct error){""});
    return false;
}

static bool tell_what_is(
    const struct pair_file *pair, const struct pair_text *present, struct error *err)
{
    struct error ignored;
    struct pair_text found;
    bool same;

    if (!pair_file_read(pair, &found, &ignored))
        return false;
    same = pair_text_equal(&found, present);
    pair_text_destroy(&found);
    return same ? false
                : error_context(err, "the new pair is in place, but not all is done");
}

/* A folder that was put in the place of the one we opened is not what was meant. */
static bool still_there(const struct pair_file *pair, struct error *err)
{
    for (int i = 0; i < pair_count(pair); i++) {
        if (!folder_is_at(&pair->folder[i], pair->folder[i].path))
            return error_set(err,
                "%s: somebody has put another folder in its place; what is there now was "
                "not touched",
                pair->folder[i].path);
    }
    return true;
}

bool pair_file_replace(struct pair_file *pair, const struct pair_text *fresh,
    enum pair_keep keep, struct error *err)
{
    struct pair_text present;
    struct error later;
    bool good;

    if (!still_there(pair, err) || !pair_file_read(pair, &present, err))
        return false;
    good = switch_over(pair, &present, fresh, keep == PAIR_KEEP_OLD ? old : back, err);
    if (good)
        good = settle(pair, err);
    else
        (void)settle(pair, &later);
    if (!good)
        (void)tell_what_is(pair, &present, err);
    pair_text_destroy(&present);
    return good && still_there(pair, err);
}

bool pair_file_previous(const struct pair_file *pair, char name[PAIR_NAME_MAX],
    struct pair_text *text, struct error *err)
{
    struct history history;

    *text = (struct pair_text){0};
    if (!history_list(pair, &history, err))
        return false;
    strcpy(name, history.count > 0 ? history.names[history.count - 1] : "");
    history_free(&history);
    return *name == '\0' || store_read(pair, name, text, err);
}

bool pair_file_next_kept(const struct pair_file *pair, struct pair_kept *kept)
{
    struct history history;
    struct error ignored;
    bool found = false;

    if (!history_list(pair, &history, &ignored))
        return false;
    while (!found && kept->next <= history.count) {
        size_t i = kept->next++;

        strcpy(kept->name,
            i < history.count ? history.names[history.count - 1 - i] : undone);
        found = store_read(pair, kept->name, &kept->text, &ignored);
    }
    history_free(&history);
    return found;
}
