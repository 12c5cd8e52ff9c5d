/*
 * library.h - libraries that are found at run time.
 */
#ifndef WLBPROXY_CRYPTO_LIBRARY_H
#define WLBPROXY_CRYPTO_LIBRARY_H

/* Opens the first of `names` that is in one of `folders` (both end with NULL) and that
 * only root or we ourselves may have written: a privileged process runs what is in it.
 * Never looks into the environment. NULL if there is none; for dlclose(). */
void *library_open(const char *const folders[], const char *const names[]);

#endif
