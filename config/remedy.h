/*
 * remedy.h - commands that a person pastes into a shell, within a sentence for people.
 *
 * COMMAND() marks a command in a text; how it is shown is the printer's business. Pure.
 */
#ifndef WLBPROXY_CONFIG_REMEDY_H
#define WLBPROXY_CONFIG_REMEDY_H

#include <stddef.h>

/* Control characters: no name in a command holds one, see shell_word(). */
#define COMMAND(text) "\x02" text "\x03"

/* A file's name as one word of a POSIX shell, for any bytes in it: quoted where it must
 * be, with `./` before a dash, printable ASCII or UTF-8. The caller frees. */
char *shell_word(const char *name);

/* The text without the marks. The caller frees. */
char *remedy_plain(const char *text);

/* The first command in *text, and moves *text behind it; NULL if there is none. The
 * caller frees. */
char *remedy_command(const char **text);

/* A copy of `text` in which each word FILE, also with a suffix as in FILE.pem, is `file`
 * as a shell word within commands, and as it is elsewhere. `text` may be NULL, then so is
 * the copy; with `file` NULL nothing is replaced. The caller frees. */
char *remedy_name_file(const char *text, const char *file);

#endif
