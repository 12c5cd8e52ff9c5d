/*
 * pair_file.h - a chain and its key in two files, or merged in one: where they really
 * are, what they hold now, and who may read them. Changes nothing; pair_switch.h does.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_FILE_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "certstore/install/folder.h"
#include "certstore/install/pair_store.h"

struct error;

struct pair_file {
    char *path[PAIR_FILES]; /* where they really are; [PAIR_KEY] NULL: merged */
    char *name[PAIR_FILES]; /* in their folders */
    struct folder folder[PAIR_FILES];
    struct file_access access[PAIR_FILES]; /* what a file that replaces them gets */
    char *store;
    struct folder store_folder; /* fd -1: there is none yet */
    const char *password; /* of the keys; borrowed; NULL: they are not encrypted */
    bool is_open;
};

#define PAIR_FILE_EMPTY                                                                  \
    {                                                                                    \
        .folder = {{.fd = -1}, {.fd = -1}}, .store_folder = {.fd = -1 }                  \
    }

/* Finds out where the files are, and opens their folders; nothing is changed. key "" or
 * NULL, or another way to write cert: merged. */
bool pair_file_init(
    struct pair_file *pair, const char *cert, const char *key, struct error *err);
void pair_file_destroy(struct pair_file *pair);

/* How many files the pair has: a merged one is PAIR_CERT alone. */
int pair_count(const struct pair_file *pair);

/* The folder in which STORE is. */
const struct folder *pair_file_store_parent(const struct pair_file *pair);

/* What the symbolic link says that a file of the pair is while a switch lasts. The caller
 * frees. */
char *pair_file_link_text(const struct pair_file *pair, int which);
/* Whether the file is that link now. */
bool pair_file_hangs(
    const struct pair_file *pair, int which, bool *hangs, struct error *err);

/* As it is on the disk now; through that link, too. */
bool pair_file_read(
    const struct pair_file *pair, struct pair_text *text, struct error *err);
bool pair_file_read_one(
    const struct pair_file *pair, int which, struct file_text *file, struct error *err);
/* Also true when one cannot know. */
bool pair_file_exists(const struct pair_file *pair);

/* The access that a file gets when this text replaces it. */
struct file_access pair_file_access(
    const struct pair_file *pair, const struct pair_text *text, int which);

/* The owner that files beside the pair get, and one of it that was missing; each of its
 * own keeps its owner. */
void pair_file_owner(const struct pair_file *pair, uid_t *uid, gid_t *gid);

#endif
