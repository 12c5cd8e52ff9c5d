/*
 * remedy.h - commands for a shell within a sentence for people.
 *
 * COMMAND() marks a command in a text; the printer decides how it is shown. Pure.
 */
#ifndef WLBPROXY_CONFIG_REMEDY_H
#define WLBPROXY_CONFIG_REMEDY_H

#include <stddef.h>

/* Control characters: no name in a command contains one, see shell_word(). */
#define COMMAND(text) "\x02" text "\x03"
#define COMMAND_MARKS "\x02\x03"

/* Writes a file's name as one word of a POSIX shell, for any bytes in it: quoted where
 * needed, with `./` before a dash, printable ASCII or UTF-8. The caller frees. */
char *shell_word(const char *name);

/* Returns the text without the marks. The caller frees. */
char *remedy_plain(const char *text);

/* Returns the first command in *text, and moves *text behind it; NULL if there is none.
 * The caller frees. */
char *remedy_command(const char **text);

/* Returns a copy of `text` with `file` for each word FILE, also with a suffix as in
 * FILE.pem; within commands it is written as a shell word. `text` may be NULL, then so is
 * the copy; with `file` NULL nothing is replaced. The caller frees. */
char *remedy_name_file(const char *text, const char *file);

#endif
