/*
 * collect.h - whatever a file holds: certificates, private keys, signing requests, from
 * PEM, DER, PKCS#12 (RFC 7292) and PKCS#7 (RFC 2315), in any number and order.
 *
 * Never prompts: a password is given or the empty one is tried. What cannot be used is a
 * finding, each of SEVERITY_REFUSED; the rest is collected all the same. Private keys are
 * wiped when they are freed. The work is bounded: a container that asks for more rounds
 * of key derivation than anyone uses is refused, not computed.
 */
#ifndef WLBPROXY_CERTSTORE_READ_COLLECT_H
#define WLBPROXY_CERTSTORE_READ_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "certstore/read/pem.h"

struct findings;

enum { COLLECT_MAX = PEM_BLOCKS_MAX }; /* what is beyond is told and left out */

enum collected_kind {
    COLLECTED_CERTIFICATE,
    COLLECTED_KEY,
    COLLECTED_LOCKED_KEY, /* encrypted, and no password that opens it: nothing is set */
    COLLECTED_REQUEST,
    COLLECTED_OTHER, /* only `label` is set */
};

struct collected {
    enum collected_kind kind;
    X509 *certificate; /* what `kind` says is set, the others are NULL */
    EVP_PKEY *key;
    struct X509_req_st *request;
    const char *file; /* borrowed: the name given to collect_text() */
    const char *format; /* "PEM", "PEM in UTF-16", "DER", "PKCS#12", "PKCS#7" */
    size_t line; /* of its BEGIN; 0 where there are no lines */
    char label[PEM_LABEL_MAX]; /* of its PEM block; "" elsewhere */
};

struct collection {
    struct collected *items;
    size_t count, capacity;
};

void collection_init(struct collection *collection);
void collection_destroy(struct collection *collection);

/* Adds what the text or the file holds. `file` must outlive the collection. `password`
 * may be NULL. False if there is nothing of use in it; the findings say why. */
bool collect_text(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, struct findings *findings);
bool collect_file(struct collection *collection, const char *path, const char *password,
    struct findings *findings);

/* One that came another way; takes a reference of its own. Not beyond COLLECT_MAX. */
void collection_add_certificate(struct collection *collection, X509 *certificate);
/* Likewise; `file` must outlive the collection. One that is there already is left out. */
void collection_add_key(struct collection *collection, EVP_PKEY *key, const char *file);

/* How many are of this kind. */
size_t collection_count(const struct collection *collection, enum collected_kind kind);

/* The i-th of this kind, or NULL. */
const struct collected *collection_get(
    const struct collection *collection, enum collected_kind kind, size_t i);

#endif
