/*
 * judge_chain.h - finds the certificate to serve in a file, sorts the others after it,
 * and judges the chain. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_JUDGE_CHAIN_H
#define WLBPROXY_CERTSTORE_JUDGE_JUDGE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "certstore/pem.h"

struct findings;
struct judge_input;

/* The certificates of one file. */
struct cert_list {
    X509 *certs[PEM_BLOCKS_MAX]; /* in the order of the file */
    size_t lines[PEM_BLOCKS_MAX];
    size_t count;
    size_t leaf; /* index of the certificate to serve */
    size_t order[PEM_BLOCKS_MAX]; /* the leaf, then the others as they are sent */
    size_t sorted; /* entries in order[] */
};

/* Finds the leaf. False if there is none to judge. `key` may be NULL. */
bool judge_find_leaf(struct cert_list *list, const EVP_PKEY *key,
    const struct judge_input *input, struct findings *findings);

/* Fills order[], and judges all but the leaf itself. */
void judge_chain(
    struct cert_list *list, const struct judge_input *input, struct findings *findings);

#endif
