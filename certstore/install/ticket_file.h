/*
 * ticket_file.h - session ticket keys in a file that several nodes share, so that a
 * session begun on one is resumed on any.
 *
 * Three generations: `next` opens only, `current` seals and opens, `previous` opens only.
 * A rotation makes each the one behind it. So a key is known everywhere before it seals
 * anything: a node that has got the file and one that has not yet read each other's
 * tickets, as long as the file is everywhere before the rotation after that.
 *
 * The file is text, a word and its value in a line: `rotated`, when that was; `next`,
 * `current`, `previous`, 224 hexadecimal digits each. No error ever repeats what a line
 * holds.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_TICKET_FILE_H
#define WLBPROXY_CERTSTORE_INSTALL_TICKET_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "certstore/ticket_keys.h"

struct error;

enum ticket_generation {
    TICKET_NEXT,
    TICKET_CURRENT,
    TICKET_PREVIOUS,
    TICKET_GENERATIONS
};

/* Secret. */
struct ticket_file {
    struct ticket_key keys[TICKET_GENERATIONS];
    bool has_previous;
    uint64_t rotated; /* seconds since 1970 */
};

/* The file belongs to root, to us or to its folder's owner, and others may neither read
 * nor replace what is in it; it is no symbolic link. False and err, with path and line:
 * it is not so, or the file is missing or damaged. */
bool ticket_file_read(const char *path, struct ticket_file *file, struct error *err);

/* A fresh `next`; the file is replaced as one. Makes a missing one (*made), mode 0600. */
bool ticket_file_rotate(
    const char *path, struct ticket_file *file, bool *made, struct error *err);

/* Pure. The keys as workers get them, `current` first. One that is not rotated away
 * ends by itself: `current` seals for `rotation` seconds, and opens for the lifetime of a
 * session more. */
void ticket_file_keys(
    const struct ticket_file *file, uint64_t rotation, struct ticket_keys *keys);

void ticket_file_wipe(struct ticket_file *file);

#endif
