#include "certstore/install/pair_switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certstore/install/pair_orig.h"
#include "config/path.h"
#include "proxy/base/error.h"

/* Names in the store besides the history's: the pair to install, and copies of the
 * present one, named after their future use. */
static const char next[] = "next", old[] = "old", back[] = "back", undone[] = "undone";

/* Others may pass through to the chain, but not list the folder. */
enum { STORE_MODE = 0711 };

/* The files get the access of the text, else that of the files in place. */
static bool keep(const struct pair_file *pair, const char *name,
    const struct pair_text *text, struct error *err)
{
    struct file_access access[PAIR_FILES];

    for (int i = 0; i < PAIR_FILES; i++)
        access[i] = pair_file_access(pair, text, i);
    return store_write(&pair->store_folder, name, text, access, err);
}

static bool drop_equal(const struct pair_file *pair, const struct history *history,
    const struct pair_text *present, struct error *err)
{
    bool good = true, equal = true;

    for (size_t i = history->count; good && equal && i > 0; i--) {
        struct pair_text kept;

        good = store_read(&pair->store_folder, history->names[i - 1], &kept, err);
        if (!good)
            break;
        equal = pair_text_equal(&kept, present);
        if (equal)
            good = store_remove(&pair->store_folder, history->names[i - 1], err);
        pair_text_destroy(&kept);
    }
    return good;
}

/* Removes the newest entries that equal the present pair: a rollback to them would change
 * nothing. */
static bool drop_present(const struct pair_file *pair, struct error *err)
{
    struct pair_text present;
    struct history history;
    bool good;

    if (!history_list(&pair->store_folder, &history, err))
        return false;
    good = pair_file_read(pair, &present, err);
    if (good) {
        good = drop_equal(pair, &history, &present, err);
        pair_text_destroy(&present);
    }
    history_free(&history);
    return good;
}

static bool sync_folders(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++)
        good = folder_sync(&pair->folder[i], err);
    return good;
}

/* Step 5: puts a regular file in place of our link. */
static bool settle_file(const struct pair_file *pair, int which, struct error *err)
{
    const struct folder *folder = &pair->folder[which];
    const char *name = pair->name[which];
    struct pair_text text = {0};
    struct file_access access;
    struct file_text file;
    bool hangs, good;

    if (!pair_file_hangs(pair, which, &hangs, err))
        return false;
    if (!hangs)
        return folder_tidy(folder, name, err);
    if (!pair_file_read_one(pair, which, &file, err))
        return false;
    pair_text_put(&text, which, &file);
    access = pair_file_access(pair, &text, which);
    good = file.text == NULL
        ? folder_unlink(folder, name, err)
        : folder_write(folder, name, file.text, file.len, &access, err);
    file_text_destroy(&file);
    return good && folder_tidy(folder, name, err);
}

/* A copy of the pair in place is removed, one of the replaced pair becomes history. */
static bool settle_copy(
    const struct pair_file *pair, const char *name, bool undo, struct error *err)
{
    struct pair_text copy, present;
    bool good, of_use, has;

    if (!folder_has(&pair->store_folder, name, &has, err))
        return false;
    if (!has)
        return true;
    if (!store_read(&pair->store_folder, name, &copy, err))
        return false;
    good = pair_file_read(pair, &present, err);
    of_use = good && !pair_text_equal(&copy, &present) &&
        !pair_text_equal(&copy, &(struct pair_text){0});
    pair_text_destroy(&copy);
    if (good)
        pair_text_destroy(&present);
    if (!good || !of_use)
        return good && store_remove(&pair->store_folder, name, err);
    if (!undo)
        return history_file(&pair->store_folder, name, time(NULL), err);
    return store_remove(&pair->store_folder, undone, err) &&
        store_rename(&pair->store_folder, name, undone, err);
}

static bool settle(const struct pair_file *pair, struct error *err)
{
    const struct folder *store = &pair->store_folder;
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++)
        good = settle_file(pair, i, err);
    return good && sync_folders(pair, err) && settle_copy(pair, old, false, err) &&
        settle_copy(pair, back, true, err) && folder_unlink(store, pair_current, err) &&
        folder_tidy(store, pair_current, err) &&
        store_remove(&pair->store_folder, next, err) &&
        store_remove(&pair->store_folder, "unfinished", err) &&
        store_remove(&pair->store_folder, "adopted", err) && drop_present(pair, err) &&
        pair_orig_update(pair, err) && folder_sync(store, err) && sync_folders(pair, err);
}

/* Refuses a store that another user may have prepared. */
static bool store_is_ours(const struct pair_file *pair, struct error *err)
{
    const struct folder *store = &pair->store_folder;
    struct stat state;

    if (fstat(store->fd, &state) != 0)
        return error_set(err, "%s: %s", pair->store, error_reason(errno));
    if ((store->uid == geteuid() || store->uid == 0 ||
            store->uid == pair_file_store_parent(pair)->uid ||
            store->uid == pair->access[pair_count(pair) - 1].uid) &&
        (state.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    return error_set(err,
        "%s: this folder belongs to user %ld, or others may write in it (mode %04o); "
        "look what is in it, and remove it",
        pair->store, (long)store->uid, (unsigned)state.st_mode & 07777);
}

/* Restores the mode that the umask reduced, perhaps in an interrupted command. */
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
        !(folder_make(pair_file_store_parent(pair), name, STORE_MODE, err) &&
            folder_open_in(&pair->store_folder, pair_file_store_parent(pair), name, err)))
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
        !folder_has(&pair->store_folder, pair_current, &has_current, err) ||
        !folder_has(&pair->store_folder, next, &has_next, err))
        return false;
    *was_interrupted = has_current || has_next;
    pair->is_open = true;
    return pair_orig_adopt(pair, err) && settle(pair, err);
}

static bool point_current(
    const struct pair_file *pair, const char *target, struct error *err)
{
    return folder_link(&pair->store_folder, target, pair_current, err) &&
        folder_sync(&pair->store_folder, err);
}

static bool hang_on_current(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++) {
        char *text = pair_file_link_text(pair, i);

        good = folder_link(&pair->folder[i], text, pair->name[i], err);
        free(text);
    }
    return good && sync_folders(pair, err);
}

/* Steps 1 to 4. */
static bool switch_over(const struct pair_file *pair, const struct pair_text *present,
    const struct pair_text *fresh, const char *copy, struct error *err)
{
    if (!keep(pair, next, fresh, err) || !keep(pair, copy, present, err) ||
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
                : error_context(err,
                      "the new pair is in place (wlbproxy reload makes it live), but not "
                      "all is done");
}

/* Refuses if another folder has been put in the place of the one that was opened. */
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
    enum pair_keep how, struct error *err)
{
    struct pair_text present;
    struct error later;
    bool good;

    if (!still_there(pair, err) || !pair_file_read(pair, &present, err))
        return false;
    good = switch_over(pair, &present, fresh, how == PAIR_KEEP_OLD ? old : back, err);
    if (good)
        good = settle(pair, err) || settle(pair, err); /* one fault may be over then */
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
    if (!history_list(&pair->store_folder, &history, err))
        return false;
    strcpy(name, history.count > 0 ? history.names[history.count - 1] : "");
    history_free(&history);
    return *name == '\0' || store_read(&pair->store_folder, name, text, err);
}

bool pair_file_next_kept(const struct pair_file *pair, struct pair_kept *kept)
{
    struct history history;
    struct error ignored;
    bool found = false;

    if (!history_list(&pair->store_folder, &history, &ignored))
        return false;
    while (!found && kept->next <= history.count) {
        size_t i = kept->next++;

        strcpy(kept->name,
            i < history.count ? history.names[history.count - 1 - i] : undone);
        found = store_read(&pair->store_folder, kept->name, &kept->text, &ignored);
    }
    history_free(&history);
    return found;
}
