/*
 * pair_parts.h - between the files that make up pair_file.h.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_PARTS_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "certstore/install/folder.h"
#include "certstore/install/pair_file.h"

/* How a file of the pair is called inside of the store. */
extern const char *const pair_names[PAIR_FILES];

/* How many files the pair has: a merged one is PAIR_CERT alone. */
int pair_count(const struct pair_file *pair);

/* One pair in a folder of the store: whole or not there. The files get the access that
 * the text has, else that of the files in place. */
bool store_write(const struct pair_file *pair, const char *name,
    const struct pair_text *text, struct error *err);
bool store_read(const struct pair_file *pair, const char *name, struct pair_text *text,
    struct error *err);
bool store_read_file(const struct pair_file *pair, const char *name, int which,
    struct file_text *file, struct error *err);
bool store_remove(const struct pair_file *pair, const char *name, struct error *err);
bool store_rename(
    const struct pair_file *pair, const char *from, const char *to, struct error *err);

/* The entries of the history, oldest first. Not being able to look is no empty history:
 * then false, err, and nothing to free. */
struct history {
    char (*names)[PAIR_NAME_MAX];
    size_t count;
};
bool history_list(
    const struct pair_file *pair, struct history *history, struct error *err);
void history_free(struct history *history);
/* Files the folder `name` as the newest; the oldest beyond PAIR_HISTORY_MAX go. */
bool history_file(
    const struct pair_file *pair, const char *name, time_t when, struct error *err);
/* The newest entries that equal the present pair lead nowhere: they go. */
bool history_drop_present(const struct pair_file *pair, struct error *err);

/* Lays the newest entry beside the pair; files a foreign one first. */
bool orig_adopt(const struct pair_file *pair, struct error *err);
bool orig_update(const struct pair_file *pair, struct error *err);

#endif
