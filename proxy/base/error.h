/*
 * error.h - an error in words, for the person who must mend it.
 *
 * The text is one sentence without a newline. The function that notices the fault states
 * the fact; callers prepend its place ("line 7: ...", "/etc/x.pem: ..."). The error is
 * printed once, at the top. It never contains a secret.
 */
#ifndef WLBPROXY_BASE_ERROR_H
#define WLBPROXY_BASE_ERROR_H

#include <stdbool.h>

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    char text[ERROR_TEXT_MAX];
};

/* Both always return false, so that a failing function can end with `return
 * error_set(err, ...);`. A text that is too long is cut. */
bool error_set(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "<context>: " in front of the text. */
bool error_context(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Like strerror(), with a remedy where root may do what this user may not. */
const char *error_reason(int code);

#endif
