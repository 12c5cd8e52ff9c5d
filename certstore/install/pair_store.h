/*
 * pair_store.h - pairs that are kept in a folder, STORE. Each has a folder of its own,
 * which is complete or absent. The replaced ones are a history.
 *
 * `store` is that folder; fd -1: there is none yet, and it is empty.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_STORE_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "certstore/install/folder.h"

struct error;

enum { PAIR_CERT, PAIR_KEY, PAIR_FILES };
enum { PAIR_HISTORY_MAX = 10, PAIR_NAME_MAX = 64 };

/* The contents of the files; secret. A merged file has PAIR_CERT only. NULL: missing. */
struct pair_text {
    char *text[PAIR_FILES];
    size_t len[PAIR_FILES];
    /* As they were read. Where it is not known, the file in place keeps its own. */
    struct file_access access[PAIR_FILES];
};

void pair_text_destroy(struct pair_text *text);
bool pair_text_equal(const struct pair_text *a, const struct pair_text *b);
/* Takes over the contents of the file. */
void pair_text_put(struct pair_text *text, int which, struct file_text *file);

/* The names of the pair's files inside STORE. */
extern const char *const pair_names[PAIR_FILES];
/* The link in STORE to which both files lead during a switch (pair_switch.h). */
extern const char pair_current[];

/* Write, read and remove one pair in a folder of STORE. A missing file has no text. */
bool store_write(const struct folder *store, const char *name,
    const struct pair_text *text, const struct file_access access[PAIR_FILES],
    struct error *err);
bool store_read(const struct folder *store, const char *name, struct pair_text *text,
    struct error *err);
bool store_read_file(const struct folder *store, const char *name, int which,
    struct file_text *file, struct error *err);
bool store_remove(const struct folder *store, const char *name, struct error *err);
bool store_rename(
    const struct folder *store, const char *from, const char *to, struct error *err);

/* The entries of the history, oldest first. Where the folder cannot be read, the result
 * is false with err, not an empty history, and there is nothing to free. */
struct history {
    char (*names)[PAIR_NAME_MAX];
    size_t count;
};
bool history_list(const struct folder *store, struct history *history, struct error *err);
void history_free(struct history *history);
/* Renames the folder `name` to the newest entry, and removes the oldest beyond
 * PAIR_HISTORY_MAX. */
bool history_file(
    const struct folder *store, const char *name, time_t when, struct error *err);

#endif
