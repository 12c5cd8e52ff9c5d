/*
 * error.h - what went wrong, in words for the person who must mend it.
 *
 * The text is one sentence without a newline. The function that notices the fault
 * states the fact; callers prepend where it was ("line 7: ...", "/etc/x.pem: ...");
 * it is printed once, at the top. No secret ever goes into it.
 */
#ifndef WLBPROXY_BASE_ERROR_H
#define WLBPROXY_BASE_ERROR_H

#include <stdbool.h>

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    char text[ERROR_TEXT_MAX];
};

/* Both always return false, so that a failing function can end with
 * `return error_set(err, ...);`. A text too long is cut, never overrun. */
bool error_set(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "<context>: " in front of the text. */
bool error_context(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* As strerror(), and the remedy where the one who runs us may not and root may. */
const char *error_reason(int code);

#endif
