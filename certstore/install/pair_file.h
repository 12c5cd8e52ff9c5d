/*
 * pair_file.h - a chain and its key in two files, or merged in one: their real places,
 * their present contents, and who may read them. Changes nothing; pair_switch.h does.
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
    char *path[PAIR_FILES]; /* their real places; [PAIR_KEY] NULL: merged */
    char *name[PAIR_FILES]; /* their names in their folders */
    struct folder folder[PAIR_FILES];
    struct file_access access[PAIR_FILES]; /* the access of a file that replaces them */
    char *store;
    struct folder store_folder; /* fd -1: there is none yet */
    const char *password; /* for the keys; borrowed; NULL: they are not encrypted */
    bool is_open;
};

#define PAIR_FILE_EMPTY                                                                  \
    {                                                                                    \
        .folder = {{.fd = -1}, {.fd = -1}}, .store_folder = {.fd = -1 }                  \
    }

/* Finds the files, and opens their folders; nothing is changed. key "" or NULL, or
 * another spelling of cert: merged. */
bool pair_file_init(
    struct pair_file *pair, const char *cert, const char *key, struct error *err);
void pair_file_destroy(struct pair_file *pair);

/* Returns how many files the pair has: a merged one has PAIR_CERT alone. */
int pair_count(const struct pair_file *pair);

/* The folder that contains STORE. */
const struct folder *pair_file_store_parent(const struct pair_file *pair);

/* Makes the text of the symbolic link that stands in place of a file during a switch. The
 * caller frees. */
char *pair_file_link_text(const struct pair_file *pair, int which);
/* Returns whether the file is that link now. */
bool pair_file_hangs(
    const struct pair_file *pair, int which, bool *hangs, struct error *err);

/* Reads the pair as it is on the disk now, through that link, too. */
bool pair_file_read(
    const struct pair_file *pair, struct pair_text *text, struct error *err);
bool pair_file_read_one(
    const struct pair_file *pair, int which, struct file_text *file, struct error *err);
/* True also where it cannot be found out. */
bool pair_file_exists(const struct pair_file *pair);

/* The access that a file gets when this text replaces it. */
struct file_access pair_file_access(
    const struct pair_file *pair, const struct pair_text *text, int which);

/* The owner of new files beside the pair, and of a file that was missing. Files that are
 * replaced keep their own owner. */
void pair_file_owner(const struct pair_file *pair, uid_t *uid, gid_t *gid);

#endif
