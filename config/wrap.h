/*
 * wrap.h - text for people, in lines of 80 columns at most.
 */
#ifndef WLBPROXY_CONFIG_WRAP_H
#define WLBPROXY_CONFIG_WRAP_H

#include <stdio.h>

enum { PRINT_COLUMNS = 79 };

/* The first line begins with `lead`, the others with as much white space. A word that is
 * too long for a line is broken only after a comma; of an unreadably long one the
 * beginning and the length are printed. */
void print_wrapped(FILE *out, const char *lead, const char *text);

/* Each line begins with `lead`: a comment in a file. */
void print_wrapped_comment(FILE *out, const char *lead, const char *text);

#endif
