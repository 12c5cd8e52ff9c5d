/*
 * pem_mark.h - lines that were meant to be a BEGIN or END line of PEM (RFC 7468), and are
 * none: a dash too few or too many, dashes made by a word processor, letters in lower
 * case, an invisible character in front.
 */
#ifndef WLBPROXY_CERTSTORE_PEM_MARK_H
#define WLBPROXY_CERTSTORE_PEM_MARK_H

#include <stdbool.h>

/* Tells whether a line outside of all blocks is a mark that got lost. Only the labels of
 * certificates, keys and lists count: other text may have lines of dashes and words. */
bool pem_mark_is_lost(const char *line, const char *end);

#endif
