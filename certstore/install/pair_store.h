/*
 * pair_store.h - pairs that are kept in a folder, STORE: each is a folder of its own,
 * whole or not there, and those that were replaced are a history.
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

/* What the files hold; secret. A merged file has PAIR_CERT only. NULL: missing. */
struct pair_text {
    char *text[PAIR_FILES];
    size_t len[PAIR_FILES];
    /* As they were read; if it is not known, the file in place keeps its own. */
    struct file_access access[PAIR_FILES];
};

void pair_text_destroy(struct pair_text *text);
bool pair_text_equal(const struct pair_text *a, const struct pair_text *b);
/* Takes over what the file holds. */
void pair_text_put(struct pair_text *text, int which, struct file_text *file);

/* How a file of the pair is called inside of STORE. */
extern const char *const pair_names[PAIR_FILES];
/* The link in STORE that both files hang on while a switch lasts (pair_switch.h). */
extern const char pair_current[];

/* One pair in a folder of STORE. A missing one has no text. */
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

/* The entries of the history, oldest first. Not being able to look is no empty history:
 * then false, err, and nothing to free. */
struct history {
    char (*names)[PAIR_NAME_MAX];
    size_t count;
};
bool history_list(const struct folder *store, struct history *history, struct error *err);
void history_free(struct history *history);
/* Files the folder `name` as the newest; the oldest beyond PAIR_HISTORY_MAX go. */
bool history_file(
    const struct folder *store, const char *name, time_t when, struct error *err);

#endif
