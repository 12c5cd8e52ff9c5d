/*
 * collect.h - whatever a file holds: certificates, private keys, signing requests, from
 * PEM, DER, PKCS#12 (RFC 7292) and PKCS#7 (RFC 2315), in any number and order.
 *
 * Never prompts: a password is given or the empty one is tried. What cannot be used is a
 * finding, each of SEVERITY_REFUSED; the rest is collected all the same. The work is
 * bounded: a container that asks for more rounds of key derivation than anyone uses is
 * refused, not computed.
 */
#ifndef WLBPROXY_CERTSTORE_READ_COLLECT_H
#define WLBPROXY_CERTSTORE_READ_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "certstore/read/collection.h"

struct findings;

/* Adds what the text or the file holds. `file` must outlive the collection. `password`
 * may be NULL. False if there is nothing of use in it; the findings say why. */
bool collect_text(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, struct findings *findings);
bool collect_file(struct collection *collection, const char *path, const char *password,
    struct findings *findings);

#endif
