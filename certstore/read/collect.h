/*
 * collect.h - reads certificates, private keys and signing requests from any file: PEM,
 * DER, PKCS#12 (RFC 7292) and PKCS#7 (RFC 2315), in any number and order.
 *
 * It never prompts: the given password is used, or else the empty one. Contents that
 * cannot be used become findings, each of SEVERITY_REFUSED; the rest is collected all the
 * same. The work is bounded: a container that asks for more rounds of key derivation than
 * anybody uses is refused before they are computed.
 */
#ifndef WLBPROXY_CERTSTORE_READ_COLLECT_H
#define WLBPROXY_CERTSTORE_READ_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "certstore/read/collection.h"

struct findings;

/* Adds the contents of the text or the file. `file` must outlive the collection.
 * `password` may be NULL. False if there is nothing of use in it; the findings say
 * why. */
bool collect_text(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, struct findings *findings);
bool collect_file(struct collection *collection, const char *path, const char *password,
    struct findings *findings);

#endif
