#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/install/pair_parts.h"
#include "config/error.h"

/* Folders of the store are not listed by others; the chain in them can be read. */
enum { FOLDER_MODE = 0711, ENTRIES_MAX = 1000 };

bool store_remove(const struct pair_file *pair, const char *name, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool has, good = folder_has(&pair->store_folder, name, &has, err);

    if (!good || !has)
        return good;
    good = folder_open_in(&folder, &pair->store_folder, name, err);
    for (int i = 0; i < PAIR_FILES && good; i++)
        good = folder_tidy(&folder, pair_names[i], err) &&
            folder_unlink(&folder, pair_names[i], err);
    folder_close(&folder);
    return good && folder_remove(&pair->store_folder, name, err);
}

bool store_rename(
    const struct pair_file *pair, const char *from, const char *to, struct error *err)
{
    return folder_rename(&pair->store_folder, from, to, err) &&
        folder_sync(&pair->store_folder, err);
}

static bool fill(const struct pair_file *pair, const char *name,
    const struct pair_text *text, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool good = folder_make(&pair->store_folder, name, FOLDER_MODE, err) &&
        folder_open_in(&folder, &pair->store_folder, name, err);

    for (int i = 0; i < PAIR_FILES && good; i++) {
        struct file_access access = pair_file_access(pair, text, i);

        if (text->text[i] != NULL)
            good = folder_write(
                &folder, pair_names[i], text->text[i], text->len[i], &access, err);
    }
    good = good && folder_sync(&folder, err);
    folder_close(&folder);
    return good;
}

bool store_write(const struct pair_file *pair, const char *name,
    const struct pair_text *text, struct error *err)
{
    return store_remove(pair, "unfinished", err) && fill(pair, "unfinished", text, err) &&
        store_remove(pair, name, err) && store_rename(pair, "unfinished", name, err);
}

bool store_read_file(const struct pair_file *pair, const char *name, int which,
    struct file_text *file, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool has, good = folder_has(&pair->store_folder, name, &has, err);

    *file = (struct file_text){0};
    if (!good || !has)
        return good;
    good = folder_open_in(&folder, &pair->store_folder, name, err) &&
        folder_read(&folder, pair_names[which], file, err);
    folder_close(&folder);
    return good;
}

bool store_read(const struct pair_file *pair, const char *name, struct pair_text *text,
    struct error *err)
{
    *text = (struct pair_text){0};
    for (int i = 0; i < PAIR_FILES; i++) {
        struct file_text file;

        if (!store_read_file(pair, name, i, &file, err)) {
            pair_text_destroy(text);
            return false;
        }
        text->text[i] = file.text;
        text->len[i] = file.len;
        text->access[i] = file.access;
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

bool history_list(
    const struct pair_file *pair, struct history *history, struct error *err)
{
    int fd = pair->store_folder.fd < 0
        ? -1
        : openat(pair->store_folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool good = folder != NULL || pair->store_folder.fd < 0;

    history->names = calloc(ENTRIES_MAX, PAIR_NAME_MAX);
    history->count = 0;
    if (history->names == NULL)
        abort();
    if (folder != NULL)
        good = read_entries(folder, history->names, &history->count);
    if (!good)
        error_set(err, "%s: it cannot be read: %s", pair->store, error_reason(errno));
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

static bool prune(const struct pair_file *pair, struct error *err)
{
    struct history history;
    bool good = history_list(pair, &history, err);

    for (size_t i = 0; good && i + PAIR_HISTORY_MAX < history.count; i++)
        good = store_remove(pair, history.names[i], err);
    history_free(&history);
    return good;
}

bool history_file(
    const struct pair_file *pair, const char *name, time_t when, struct error *err)
{
    char date[24] = "", entry[PAIR_NAME_MAX];
    struct history history;
    unsigned number = 1;
    struct tm utc;

    if (!history_list(pair, &history, err))
        return false;
    if (history.count > 0)
        number = entry_number(history.names[history.count - 1]) + 1;
    history_free(&history);
    if (gmtime_r(&when, &utc) != NULL)
        (void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
    snprintf(entry, sizeof(entry), "%04u-%s", number, date);
    return store_rename(pair, name, entry, err) && prune(pair, err);
}

static bool drop_equal(const struct pair_file *pair, const struct history *history,
    const struct pair_text *present, struct error *err)
{
    bool good = true, equal = true;

    for (size_t i = history->count; good && equal && i > 0; i--) {
        struct pair_text old;

        good = store_read(pair, history->names[i - 1], &old, err);
        if (!good)
            break;
        equal = pair_text_equal(&old, present);
        if (equal)
            good = store_remove(pair, history->names[i - 1], err);
        pair_text_destroy(&old);
    }
    return good;
}

bool history_drop_present(const struct pair_file *pair, struct error *err)
{
    struct pair_text present;
    struct history history;
    bool good;

    if (!history_list(pair, &history, err))
        return false;
    good = pair_file_read(pair, &present, err);
    if (good) {
        good = drop_equal(pair, &history, &present, err);
        pair_text_destroy(&present);
    }
    history_free(&history);
    return good;
}
