/*
 * library.h - libraries that are found at run time.
 */
#ifndef WLBPROXY_CRYPTO_LIBRARY_H
#define WLBPROXY_CRYPTO_LIBRARY_H

struct error;

/* Opens the first of `names` that is in one of `folders` (both end with NULL) and that
 * only root or we ourselves may have written: a privileged process runs what is in it.
 * Never looks into the environment. For dlclose(); NULL and err if there is none, or if
 * what is there cannot be used. */
void *library_open(
    const char *const folders[], const char *const names[], struct error *err);

#endif
