/*
 * printable.h - UTF-8 from an unverified client, made safe for a terminal.
 *
 * Characters that control a terminal (C1 controls, U+0080 to U+009F) or reverse the text
 * a person reads (the marks of Unicode's bidirectional algorithm) are escaped in the form
 * of RFC 4514 section 2.4: \C2\9B. ASCII is left as it is.
 */
#ifndef WLBPROXY_CERTSTORE_PRINTABLE_H
#define WLBPROXY_CERTSTORE_PRINTABLE_H

#include <stddef.h>

/* Cut to `size` between two characters, and ended by NUL. */
void printable(const char *bytes, size_t len, char *text, size_t size);

#endif
