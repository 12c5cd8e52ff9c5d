/*
 * pair_switch.h - a chain and its key in two files, replaced as if they were one.
 *
 * Two renames are two moments, and whoever looks between them, after a kill or a power
 * cut perhaps for ever, would find a mixture. One rename is one moment, so the switch
 * hangs both files on one name while it lasts. STORE is the folder `<key file>_history`:
 *
 *   1. STORE/next gets the new pair, STORE/old a copy of the present one;
 *   2. STORE/current becomes a symbolic link to old;
 *   3. each of the two files is replaced by a symbolic link into STORE/current: the same
 *      content, pair and moment for moment;
 *   4. STORE/current is renamed to lead to next: the one moment, for both, for every
 *      program that reads them;
 *   5. each link is replaced by a regular file of the same content; old is filed away.
 *
 * Between any two steps everything is synced. So at every instant the two paths lead to
 * the old or to the new pair, and no reader, ours or another's, needs to know of any of
 * this, and nothing has to be repaired before a start. What an interruption leaves are
 * links instead of files, which the next pair_file_open() settles (step 5).
 *
 * A path that is somebody else's symbolic link is followed: the pair is replaced where it
 * really is, and the link stays. In a folder that everybody may write nothing is done;
 * what is done in one that belongs to another user, is done with his rights (folder.h).
 * Owner, group and mode of a file in place are kept, also by what is filed and brought
 * back; only a key that every user of the machine may read is its owner's alone then.
 *
 * STORE keeps what was replaced, a folder each: "<number>-<UTC time>". The newest is also
 * laid beside the pair as `*_orig`, where the vendor's guide has it; an `*_orig` pair
 * that somebody else made is filed too before it is overwritten.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_PAIR_SWITCH_H
#define WLBPROXY_CERTSTORE_INSTALL_PAIR_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#include "certstore/install/pair_file.h"

struct error;

/* Whether pair_file_open() and pair_file_replace() could do their work, as far as can be
 * seen without changing anything. */
bool pair_file_try(const struct pair_file *pair, struct error *err);

/* Locks out other commands until destroyed, and settles what an interruption left behind;
 * *was_interrupted tells. */
bool pair_file_open(struct pair_file *pair, bool *was_interrupted, struct error *err);

enum pair_keep {
    PAIR_KEEP_OLD, /* as the newest of the history */
    PAIR_KEEP_UNDONE, /* what was replaced was no good: kept aside, as STORE/undone */
};

/* The pair must be open. False: err says what could not be done; the old pair is in place
 * unless it says otherwise. */
bool pair_file_replace(struct pair_file *pair, const struct pair_text *fresh,
    enum pair_keep keep, struct error *err);

/* The pair that pair_file_replace() would bring back; its name, "" if there is none. */
bool pair_file_previous(const struct pair_file *pair, char name[PAIR_NAME_MAX],
    struct pair_text *text, struct error *err);

/* What STORE keeps, one after the other from the newest: the history, then the pair that
 * a rollback left behind. *name is where in STORE it is; false: there are no more. What
 * cannot be read is passed over. */
struct pair_kept {
    size_t next; /* 0 at first */
    char name[PAIR_NAME_MAX];
    struct pair_text text; /* the caller destroys it */
};
bool pair_file_next_kept(const struct pair_file *pair, struct pair_kept *kept);

#endif
