/*
 * ticket_file.h - session ticket keys in a file that several nodes share, so that a
 * session begun on one is resumed on any.
 *
 * There are three generations: `next` opens only, `current` seals and opens, `previous`
 * opens only. A rotation moves each one generation on. So every node knows a key before
 * it seals anything: a node that has the new file and one that has not yet read each
 * other's tickets, if the file is everywhere before the next rotation.
 *
 * The file is text, a word and its value in a line: `rotated`, the time of the last
 * rotation; `next`, `current`, `previous`, 224 hexadecimal digits each. No error ever
 * repeats the contents of a line.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_TICKET_FILE_H
#define WLBPROXY_CERTSTORE_INSTALL_TICKET_FILE_H

#include <stdbool.h>
#include <stddef.h>
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

/* The file must belong to root, to us or to its folder's owner; others may neither read
 * nor replace its contents, and it is no symbolic link. False and err, with path and
 * line: that is not so, or the file is missing or damaged. */
bool ticket_file_read(const char *path, struct ticket_file *file, struct error *err);

/* The same from memory. After a failure the file is to be wiped, too. */
bool ticket_file_parse(
    const char *text, size_t len, struct ticket_file *file, struct error *err);

/* Makes a new `next`, and replaces the file as one. Makes a missing one (*made), mode
 * 0600. */
bool ticket_file_rotate(
    const char *path, struct ticket_file *file, bool *made, struct error *err);

/* Pure. Returns the keys for workers, `current` first. A key that is not rotated away
 * ends by itself: `current` seals for `rotation` seconds, and opens for the lifetime of a
 * session more. */
void ticket_file_keys(
    const struct ticket_file *file, uint64_t rotation, struct ticket_keys *keys);

void ticket_file_wipe(struct ticket_file *file);

#endif
