/*
 * arrange.h - out of a heap of certificates and keys: the server's own certificate, its
 * key, and the chain in the order to send. Pure.
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

/* The leaf is a certificate of `fresh` that a key belongs to: the first key that has one,
 * of `fresh`, then of `known`, in the order collected; of several certificates, the one
 * that is valid latest. Issuers may also come from `known` (what is in place already).
 * False: the finding says what is missing. What is left out is told, too. */
bool arrange(const struct collection *fresh, const struct collection *known,
    struct arrangement *arrangement, struct findings *findings);

/* The PEM texts of the two files. False if the key cannot be written. */
bool arrangement_write(
    const struct arrangement *arrangement, struct pem_text *chain, struct pem_text *key);

#endif
