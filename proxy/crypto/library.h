/*
 * library.h - opens libraries at run time.
 */
#ifndef WLBPROXY_CRYPTO_LIBRARY_H
#define WLBPROXY_CRYPTO_LIBRARY_H

struct error;

/* Opens the first of `names` that is in one of `folders` (both end with NULL). Only root
 * or our own user may be able to write it, because a privileged process executes it. The
 * environment is not used. Returns a handle for dlclose(); NULL and err if there is none,
 * or if the library cannot be used. */
void *library_open(
    const char *const folders[], const char *const names[], struct error *err);

#endif
