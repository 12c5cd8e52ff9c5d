/*
 * cert_fresh.h - a pair to be installed: found in the given files, arranged, and judged
 * by the code of start and reload.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_FRESH_H
#define WLBPROXY_COMMAND_CERT_CERT_FRESH_H

#include <stdbool.h>

#include "certstore/install/pair_file.h"
#include "certstore/read/pem_text.h"
#include "config/settings.h"

struct cert_place;
struct credential;
struct error;
struct findings;

struct cert_source {
    const struct text_list *files;
    const char *key; /* NULL: it is in the files, pending, or in place now */
    const char *password_file; /* NULL: none */
};

struct cert_fresh {
    struct pem_text chain, key;
    struct credential *credential;
    char *waiting_key; /* the file of a request's key that is now used; NULL: none */
    char summary[512]; /* "3 certificates; RSA 2048 key from FILE" */
};

/* False: the findings say why, or err if it is not empty. */
bool cert_fresh_gather(struct cert_fresh *fresh, const struct cert_place *place,
    const struct cert_source *source, struct findings *findings, struct error *err);

/* Makes it of a pair that was made here; takes over nothing. */
bool cert_fresh_of(struct cert_fresh *fresh, X509 *certificate, EVP_PKEY *key,
    const struct cert_place *place, struct findings *findings);

void cert_fresh_destroy(struct cert_fresh *fresh);

/* Returns the texts of the files. They are borrowed from `fresh`, whose chain gets the
 * key if the file is merged. */
struct pair_text cert_fresh_text(struct cert_fresh *fresh, bool merged);

#endif
