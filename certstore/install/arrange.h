/*
 * arrange.h - finds the server's own certificate, its key and the chain in sending order
 * among many certificates and keys. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_ARRANGE_H
#define WLBPROXY_CERTSTORE_INSTALL_ARRANGE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "certstore/read/collect.h"

struct findings;
struct pem_text;

enum { ARRANGE_MAX = 200 };

struct arrangement {
    /* All borrowed from the collections. sent[0] is the leaf. */
    const struct collected *sent[ARRANGE_MAX];
    size_t count;
    const struct collected *key;
};

/* The leaf is a certificate of `fresh` with its key. The key is the first that has a
 * certificate, in `fresh`, then in `known`, in the order collected; of its certificates
 * the one that is valid latest. Issuers may also come from `known` (the pair in place).
 * False: the finding says what is missing. Findings also name what is left out. */
bool arrange(const struct collection *fresh, const struct collection *known,
    struct arrangement *arrangement, struct findings *findings);

/* Writes the PEM texts of the two files. False if the key cannot be written. */
bool arrangement_write(
    const struct arrangement *arrangement, struct pem_text *chain, struct pem_text *key);

#endif
