/*
 * secrets.h - memory for private keys: OpenSSL's secure heap (locked, not dumped).
 *
 * secrets_init() (credential.h) makes it. Without it, as in unit tests, it is ordinary
 * memory, which is wiped as well.
 */
#ifndef WLBPROXY_CERTSTORE_SECRETS_H
#define WLBPROXY_CERTSTORE_SECRETS_H

#include <stddef.h>

/* Never NULL. When the secure heap is full, it is ordinary memory of a process that is
 * not dumped. */
void *secrets_alloc(size_t len);
void secrets_free(char *bytes, size_t len);

/* Between begin and end everything OpenSSL frees is wiped, because its key decoders leave
 * copies of the key. The calls nest. */
void secrets_wiping_begin(void);
void secrets_wiping_end(void);

#endif
