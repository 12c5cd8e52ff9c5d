/*
 * collection.h - certificates, private keys and signing requests from any number of
 * files, in the order in which they were found, each with its place.
 *
 * Private keys are wiped when they are freed.
 */
#ifndef WLBPROXY_CERTSTORE_READ_COLLECTION_H
#define WLBPROXY_CERTSTORE_READ_COLLECTION_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "certstore/pem.h"

struct findings;

enum { COLLECT_MAX = PEM_BLOCKS_MAX }; /* further ones are reported and left out */

enum collected_kind {
    COLLECTED_CERTIFICATE,
    COLLECTED_KEY,
    COLLECTED_LOCKED_KEY, /* encrypted, and no password opens it: no field is set */
    COLLECTED_REQUEST,
    COLLECTED_OTHER, /* only `label` is set */
};

struct collected {
    enum collected_kind kind;
    X509 *certificate; /* the one of `kind` is set, the others are NULL */
    EVP_PKEY *key;
    struct X509_req_st *request;
    const char *file; /* borrowed: the name given to collect_text() */
    const char *format; /* "PEM", "PEM in UTF-16", "DER", "PKCS#12", "PKCS#7" */
    size_t line; /* of its BEGIN line; 0 for formats without lines */
    char label[PEM_LABEL_MAX]; /* of its PEM block; "" for other formats */
};

struct collection {
    struct collected *items;
    size_t count, capacity;
};

void collection_init(struct collection *collection);
void collection_destroy(struct collection *collection);

/* Adds one from elsewhere; takes a reference of its own. Does nothing beyond
 * COLLECT_MAX. */
void collection_add_certificate(struct collection *collection, X509 *certificate);
/* The same for a key; `file` must outlive the collection. A key that is there already is
 * left out. */
void collection_add_key(struct collection *collection, EVP_PKEY *key, const char *file);

/* Returns how many there are of this kind. */
size_t collection_count(const struct collection *collection, enum collected_kind kind);

/* The i-th of this kind, or NULL. */
const struct collected *collection_get(
    const struct collection *collection, enum collected_kind kind, size_t i);

/* One file, while it is read. */
struct collecting {
    struct collection *collection;
    struct findings *findings;
    const char *file, *password; /* the password may be NULL */
    const char *format;
    size_t line;
    const char *label;
    bool full; /* the lack of room has been reported */
    long rounds; /* rounds of key derivation asked for so far */
};

/* Take over their argument. */
void collecting_certificate(struct collecting *c, X509 *certificate);
void collecting_key(struct collecting *c, EVP_PKEY *key);
void collecting_request(struct collecting *c, struct X509_req_st *request);
void collecting_other(struct collecting *c, enum collected_kind kind);

#endif
