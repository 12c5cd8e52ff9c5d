/*
 * container.h - certificates and keys in containers, and under a password: PKCS#7 (RFC
 * 2315), PKCS#12 (RFC 7292), encrypted PKCS#8 (RFC 5958 section 3).
 *
 * Each adds what it finds to the collection. False: the bytes are of another format.
 */
#ifndef WLBPROXY_CERTSTORE_READ_CONTAINER_H
#define WLBPROXY_CERTSTORE_READ_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "certstore/read/collection.h"

/* Rounds of key derivation allowed for one file: a second or two. */
enum { DERIVATION_ROUNDS_MAX = 5000000 };

/* Opens the library's part for old containers now, for a process that will have no files.
 */
void container_prepare(void);

bool container_pkcs12(struct collecting *c, const unsigned char *der, size_t len);
bool container_pkcs7(struct collecting *c, const unsigned char *der, size_t len);
bool container_locked_key(struct collecting *c, const unsigned char *der, size_t len);

/* Adds the finding that a key or a PKCS#12 container needs a password that is not
 * known. */
void container_needs_password(struct collecting *c, bool is_key);

#endif
