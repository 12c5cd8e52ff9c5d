/*
 * pair_switch.h - a chain and its key in two files, replaced as if they were one.
 *
 * Two renames are two moments. A reader between them would find a mixture, and after a
 * kill or a power cut perhaps for ever. One rename is one moment, so both files lead to
 * one name while the switch lasts. STORE is the folder `<key file>_history`:
 *
 *   1. STORE/next gets the new pair, STORE/old a copy of the present one;
 *   2. STORE/current becomes a symbolic link to old;
 *   3. each of the two files is replaced by a symbolic link into STORE/current, with the
 *      same content;
 *   4. STORE/current is renamed to lead to next: both files change at this moment, for
 *      every program that reads them;
 *   5. each link is replaced by a regular file of the same content; old is filed away.
 *
 * Between any two steps everything is synced. So at every instant the two paths lead to
 * the old or to the new pair, no reader needs to know of the switch, and nothing has to
 * be repaired before a start. An interruption leaves links instead of files; the next
 * pair_file_open() settles them (step 5).
 *
 * A path that is another program's symbolic link is followed: the pair is replaced at its
 * real place, and the link stays. In a folder that everybody may write to nothing is
 * done. In a folder of another user the switch works with his rights (folder.h). Owner,
 * group and mode of a file in place are kept, also for copies that are filed and brought
 * back. Only a key that every user of the machine may read becomes readable for its owner
 * alone.
 *
 * STORE keeps the replaced pairs, a folder each: "<number>-<UTC time>". The newest is
 * also copied beside the pair (pair_orig.h).
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_SWITCH_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#include "certstore/install/pair_file.h"

struct error;

/* Returns whether pair_file_open() and pair_file_replace() could do their work, as far as
 * can be seen without changing anything. */
bool pair_file_try(const struct pair_file *pair, struct error *err);

/* Locks out other commands until destroyed, and settles what an interruption left;
 * *was_interrupted tells whether there was one. */
bool pair_file_open(struct pair_file *pair, bool *was_interrupted, struct error *err);

enum pair_keep {
    PAIR_KEEP_OLD, /* as the newest of the history */
    PAIR_KEEP_UNDONE, /* the replaced pair was bad: it is kept aside, as STORE/undone */
};

/* The pair must be open. False: err says what failed; the old pair is in place unless err
 * says otherwise. */
bool pair_file_replace(struct pair_file *pair, const struct pair_text *fresh,
    enum pair_keep keep, struct error *err);

/* The pair that pair_file_replace() would bring back, and its name, "" if there is
 * none. */
bool pair_file_previous(const struct pair_file *pair, char name[PAIR_NAME_MAX],
    struct pair_text *text, struct error *err);

/* Reads the pairs of STORE, one a call, from the newest: the history, then the pair that
 * a rollback left. *name is its place in STORE. False: there are no more. A pair that
 * cannot be read is skipped. */
struct pair_kept {
    size_t next; /* 0 at first */
    char name[PAIR_NAME_MAX];
    struct pair_text text; /* the caller destroys it */
};
bool pair_file_next_kept(const struct pair_file *pair, struct pair_kept *kept);

#endif
