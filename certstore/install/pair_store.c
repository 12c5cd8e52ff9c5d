#include "certstore/install/pair_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/secrets.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

const char *const pair_names[PAIR_FILES] = {"server.pem", "server.key"};
const char pair_current[] = "current";

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

void pair_text_put(struct pair_text *text, int which, struct file_text *file)
{
    text->text[which] = file->text;
    text->len[which] = file->len;
    text->access[which] = file->access;
}

/* Other users cannot list folders of the store, but can read the chain in them. */
enum { FOLDER_MODE = 0711, ENTRIES_MAX = 1000 };

bool store_remove(const struct folder *store, const char *name, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool has, good = folder_has(store, name, &has, err);

    if (!good || !has)
        return good;
    good = folder_open_in(&folder, store, name, err);
    for (int i = 0; i < PAIR_FILES && good; i++)
        good = folder_tidy(&folder, pair_names[i], err) &&
            folder_unlink(&folder, pair_names[i], err);
    folder_close(&folder);
    return good && folder_remove(store, name, err);
}

bool store_rename(
    const struct folder *store, const char *from, const char *to, struct error *err)
{
    return folder_rename(store, from, to, err) && folder_sync(store, err);
}

static bool fill(const struct folder *store, const char *name,
    const struct pair_text *text, const struct file_access access[PAIR_FILES],
    struct error *err)
{
    struct folder folder = {.fd = -1};
    bool good = folder_make(store, name, FOLDER_MODE, err) &&
        folder_open_in(&folder, store, name, err);

    for (int i = 0; i < PAIR_FILES && good; i++) {
        if (text->text[i] != NULL)
            good = folder_write(
                &folder, pair_names[i], text->text[i], text->len[i], &access[i], err);
    }
    good = good && folder_sync(&folder, err);
    folder_close(&folder);
    return good;
}

bool store_write(const struct folder *store, const char *name,
    const struct pair_text *text, const struct file_access access[PAIR_FILES],
    struct error *err)
{
    return store_remove(store, "unfinished", err) &&
        fill(store, "unfinished", text, access, err) && store_remove(store, name, err) &&
        store_rename(store, "unfinished", name, err);
}

bool store_read_file(const struct folder *store, const char *name, int which,
    struct file_text *file, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool has, good = folder_has(store, name, &has, err);

    *file = (struct file_text){0};
    if (!good || !has)
        return good;
    good = folder_open_in(&folder, store, name, err) &&
        folder_read(&folder, pair_names[which], file, err);
    folder_close(&folder);
    return good;
}

bool store_read(const struct folder *store, const char *name, struct pair_text *text,
    struct error *err)
{
    *text = (struct pair_text){0};
    for (int i = 0; i < PAIR_FILES; i++) {
        struct file_text file;

        if (!store_read_file(store, name, i, &file, err)) {
            pair_text_destroy(text);
            return false;
        }
        pair_text_put(text, i, &file);
    }
    return true;
}

/* "0007-20261122T034512Z": 7; 0 for every other name. */
static unsigned entry_number(const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);

    return *end == '-' && number < 1000000000 && strlen(name) < PAIR_NAME_MAX
        ? (unsigned)number
        : 0;
}

static int by_number(const void *a, const void *b)
{
    unsigned first = entry_number(a), second = entry_number(b);

    return (first > second) - (first < second);
}

/* Adds the names of all entries; false: errno. */
static bool read_entries(DIR *folder, char (*names)[PAIR_NAME_MAX], size_t *count)
{
    const struct dirent *entry;

    errno = 0;
    while (*count < ENTRIES_MAX && (entry = readdir(folder)) != NULL) {
        if (entry_number(entry->d_name) > 0)
            strcpy(names[(*count)++], entry->d_name);
        errno = 0;
    }
    return *count == ENTRIES_MAX || errno == 0;
}

bool history_list(const struct folder *store, struct history *history, struct error *err)
{
    int fd =
        store->fd < 0 ? -1 : openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool good = folder != NULL || store->fd < 0;

    history->names = memory_array(ENTRIES_MAX, PAIR_NAME_MAX);
    history->count = 0;
    if (folder != NULL)
        good = read_entries(folder, history->names, &history->count);
    if (!good)
        error_set(err, "%s: it cannot be read: %s", store->path, error_reason(errno));
    if (folder != NULL)
        (void)closedir(folder);
    qsort(history->names, history->count, PAIR_NAME_MAX, by_number);
    if (!good)
        history_free(history);
    return good;
}

void history_free(struct history *history)
{
    free(history->names);
    *history = (struct history){0};
}

static bool prune(const struct folder *store, struct error *err)
{
    struct history history;
    bool good = history_list(store, &history, err);

    for (size_t i = 0; good && i + PAIR_HISTORY_MAX < history.count; i++)
        good = store_remove(store, history.names[i], err);
    history_free(&history);
    return good;
}

bool history_file(
    const struct folder *store, const char *name, time_t when, struct error *err)
{
    char date[24] = "", entry[PAIR_NAME_MAX];
    struct history history;
    unsigned number = 1;
    struct tm utc;

    if (!history_list(store, &history, err))
        return false;
    if (history.count > 0)
        number = entry_number(history.names[history.count - 1]) + 1;
    history_free(&history);
    if (gmtime_r(&when, &utc) != NULL)
        (void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
    snprintf(entry, sizeof(entry), "%04u-%s", number, date);
    return store_rename(store, name, entry, err) && prune(store, err);
}
