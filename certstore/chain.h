/*
 * chain.h - sorts certificates into the order in which a handshake sends them.
 */
#ifndef WLBPROXY_CERTSTORE_CHAIN_H
#define WLBPROXY_CERTSTORE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

/* Writes to order[] the indexes of certs[leaf] and of all that certify it, directly or
 * not: each after one that it issued (RFC 8446 section 4.4.2), cross-signs included,
 * equal certificates once. Others are left out. Returns how many. */
size_t chain_sort(X509 *const *certs, size_t count, size_t leaf, size_t *order);

/* Returns whether certs[at] issued another one of them. */
bool chain_issues(X509 *const *certs, size_t count, size_t at);

/* Returns the first equal certificate before certs[at], or `at`. */
size_t chain_cross_signed(X509 *const *certs, size_t at);

#endif
