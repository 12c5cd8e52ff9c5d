#include "certstore/install/pair_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/install/pair_parts.h"
#include "certstore/secrets.h"
#include "config/error.h"

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
    for (int i = 0; i < PAIR_FILES; i++)
        free(pair->path[i]);
    free(pair->store);
    if (pair->lock >= 0)
        (void)close(pair->lock);
    *pair = (struct pair_file){.lock = -1};
}

void pair_file_owner(const struct pair_file *pair, uid_t *uid, gid_t *gid)
{
    struct stat state;

    *uid = geteuid();
    *gid = getegid();
    for (int i = PAIR_FILES - 1; i >= 0; i--) {
        if (pair->path[i] == NULL || stat(pair->path[i], &state) != 0)
            continue;
        *uid = state.st_uid;
        *gid = state.st_gid;
        return;
    }
}

struct file_access pair_access(const struct pair_file *pair, int which)
{
    bool secret = which == PAIR_KEY || pair->path[PAIR_KEY] == NULL;
    struct file_access access = {.mode = secret ? 0600 : 0644};
    struct stat state;

    pair_file_owner(pair, &access.uid, &access.gid);
    if (pair->path[which] != NULL && stat(pair->path[which], &state) == 0) {
        access.uid = state.st_uid;
        access.gid = state.st_gid;
    }
    return access;
}

bool pair_file_read(
    const struct pair_file *pair, struct pair_text *text, struct error *err)
{
    bool good = true;

    *text = (struct pair_text){0};
    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++)
        good = pair_read_file(pair->path[i], &text->text[i], &text->len[i], err);
    if (!good)
        pair_text_destroy(text);
    return good;
}

bool pair_file_exists(const struct pair_file *pair)
{
    struct stat state;

    for (int i = 0; i < PAIR_FILES; i++) {
        if (pair->path[i] != NULL &&
            (stat(pair->path[i], &state) == 0 || (errno != ENOENT && errno != ENOTDIR)))
            return true;
    }
    return false;
}

static bool sync_folders(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++) {
        char *folder = folder_of_path(pair->path[i]);

        good = durable_sync(folder, err);
        free(folder);
    }
    return good;
}

/* Step 5: a regular file in place of our link. */
static bool settle_file(const struct pair_file *pair, int which, struct error *err)
{
    struct file_access access = pair_access(pair, which);
    const char *path = pair->path[which];
    char *ours = pair_link_text(path, pair->store, which);
    bool is_link, good = pair_is_link(path, ours, &is_link, err);
    size_t len = 0;
    char *text = NULL;

    free(ours);
    if (!good)
        return false;
    if (!is_link)
        return durable_tidy(path, err);
    good = pair_read_file(path, &text, &len, err);
    if (good && text == NULL)
        good = durable_unlink(path, err);
    else if (good)
        good = durable_write(path, text, len, &access, err);
    secrets_free(text, len);
    return good && durable_tidy(path, err);
}

/* A copy of what is still present is of no use; of what was replaced, it is. */
static bool settle_copy(
    const struct pair_file *pair, const char *name, bool undo, struct error *err)
{
    struct pair_text copy, present;
    bool good, of_use, has;

    if (!store_has(pair, name, &has, err))
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
    char *link = store_path(pair, current);
    bool good = true;

    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++)
        good = settle_file(pair, i, err);
    good = good && sync_folders(pair, err) && settle_copy(pair, old, false, err) &&
        settle_copy(pair, back, true, err) && durable_unlink(link, err) &&
        durable_tidy(link, err) && store_remove(pair, next, err) &&
        store_remove(pair, "unfinished", err) && store_remove(pair, "adopted", err) &&
        history_drop_present(pair, err) && orig_update(pair, err) &&
        durable_sync(pair->store, err) && sync_folders(pair, err);
    free(link);
    return good;
}

/* What the umask took away; an interrupted command may have left it like that. */
static bool let_pass(
    const struct pair_file *pair, const struct stat *state, struct error *err)
{
    if ((state->st_mode & STORE_MODE) == STORE_MODE ||
        (geteuid() != 0 && geteuid() != state->st_uid))
        return true;
    return fchmod(pair->lock, STORE_MODE) == 0 ||
        error_set(
            err, "%s: its mode cannot be set: %s", pair->store, error_reason(errno));
}

/* Nobody else may prepare it for us. */
static bool open_store(struct pair_file *pair, struct error *err)
{
    struct stat state;
    uid_t uid;
    gid_t gid;

    if (mkdir(pair->store, STORE_MODE) != 0 && errno != EEXIST)
        return error_set(
            err, "%s: it cannot be made: %s", pair->store, error_reason(errno));
    pair->lock = open(pair->store, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (pair->lock < 0 || fstat(pair->lock, &state) != 0)
        return error_set(err, "%s: %s", pair->store, error_reason(errno));
    pair_file_owner(pair, &uid, &gid);
    if ((state.st_uid != geteuid() && state.st_uid != 0 && state.st_uid != uid) ||
        (state.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(err,
            "%s: this folder belongs to user %ld, or others may write in it (mode %04o); "
            "look what is in it, and remove it",
            pair->store, (long)state.st_uid, (unsigned)state.st_mode & 07777);
    return let_pass(pair, &state, err);
}

bool pair_file_open(struct pair_file *pair, bool *was_interrupted, struct error *err)
{
    bool has_current, has_next;

    *was_interrupted = false;
    if (!open_store(pair, err))
        return false;
    if (flock(pair->lock, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, "%s: another wlbproxy cert command is at work on this pair",
            pair->path[PAIR_CERT]);
    if (!store_has(pair, current, &has_current, err) ||
        !store_has(pair, next, &has_next, err))
        return false;
    *was_interrupted = has_current || has_next;
    return orig_adopt(pair, err) && settle(pair, err);
}

static bool point_current(
    const struct pair_file *pair, const char *target, struct error *err)
{
    char *link = store_path(pair, current);
    bool good = durable_link(target, link, err) && durable_sync(pair->store, err);

    free(link);
    return good;
}

static bool hang_on_current(const struct pair_file *pair, struct error *err)
{
    bool good = true;

    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++) {
        char *text = pair_link_text(pair->path[i], pair->store, i);

        good = durable_link(text, pair->path[i], err);
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

bool pair_file_replace(struct pair_file *pair, const struct pair_text *fresh,
    enum pair_keep keep, struct error *err)
{
    struct pair_text present;
    struct error later;
    bool good;

    if (!pair_file_read(pair, &present, err))
        return false;
    good = switch_over(pair, &present, fresh, keep == PAIR_KEEP_OLD ? old : back, err);
    if (good)
        good = settle(pair, err);
    else
        (void)settle(pair, &later);
    if (!good)
        (void)tell_what_is(pair, &present, err);
    pair_text_destroy(&present);
    return good;
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

        strcpy(kept->name, i < history.count ? history.names[history.count - 1 - i] : undone);
        found = store_read(pair, kept->name, &kept->text, &ignored);
    }
    history_free(&history);
    return found;
}
