/*
 * printable.h - UTF-8 from a unverified client, as a terminal may have it.
 *
 * What steers a terminal (C1 controls, U+0080 to U+009F) or turns round what a person
 * reads (the marks of Unicode's bidirectional algorithm) is escaped as RFC 4514 section
 * 2.4 has it: \C2\9B. ASCII is left as it is.
 */
#ifndef WLBPROXY_CERTSTORE_PRINTABLE_H
#define WLBPROXY_CERTSTORE_PRINTABLE_H

#include <stddef.h>

/* Cut to `size` between two characters, and ended by NUL. */
void printable(const char *bytes, size_t len, char *text, size_t size);

#endif
