/*
 * secret_pages.h - whole pages for secrets in use: locked, not dumped, wiped on fork.
 *
 * For the few places that hold many secrets at once: the lanes of a batch and the pool of
 * ephemeral keys. Single keys live in OpenSSL's secure heap.
 */
#ifndef WLBPROXY_CRYPTO_SECRET_PAGES_H
#define WLBPROXY_CRYPTO_SECRET_PAGES_H

#include <stddef.h>

/* Zeroed, 64-byte aligned. NULL if the kernel gives none. */
void *secret_pages_new(size_t len);

/* Wipes first; NULL is fine. */
void secret_pages_free(void *pages, size_t len);

#endif
