/*
 * new_file.h - writes a file for everybody to read, and never over another one.
 */
#ifndef WLBPROXY_COMMAND_NEW_FILE_H
#define WLBPROXY_COMMAND_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* Synced. *was_there: a file with just these bytes was there already, which is as good.
 * False and err: another file has that name, or the bytes could not be written. */
bool new_file_write(
    const char *path, const char *text, size_t len, bool *was_there, struct error *err);

#endif
