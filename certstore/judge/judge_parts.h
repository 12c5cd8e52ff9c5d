/*
 * judge_parts.h - the parts of one judgement, and what they share while it lasts.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_JUDGE_PARTS_H
#define WLBPROXY_CERTSTORE_JUDGE_JUDGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/pem.h"
#include "config/remedy.h"

enum { TITLE_MAX = 160 };

struct judgement {
    const struct judge_input *input;
    struct findings *findings;
    struct pem cert_pem, key_pem; /* key_pem stays empty for a merged file */
    X509 *certs[PEM_BLOCKS_MAX]; /* in the order of the file */
    size_t lines[PEM_BLOCKS_MAX];
    size_t count;
    size_t leaf; /* index of the certificate to serve */
    size_t order[PEM_BLOCKS_MAX];
    size_t sorted; /* entries in order[] */
    EVP_PKEY *key;
    const struct pem_block *key_block;
};

/* Where the key is looked for. */
const struct pem *judgement_key_pem(const struct judgement *j);
const char *judgement_key_file(const struct judgement *j);

/* The text of a file as such: format, line ends, torn blocks. `wants_key`: nothing but a
 * key is expected in it. */
void judge_text(const char *file, const char *text, size_t len, const struct pem *pem,
    bool wants_key, struct findings *findings);

/* A key in OpenSSH's own format, and how to convert it. */
void judge_openssh_key(const char *file, struct findings *findings);

/* Fills certs[]. */
void judge_certificates(struct judgement *j);
/* Fills key and key_block. */
void judge_find_key(struct judgement *j);
/* Decides which one is the leaf; false if there is none to go on with. */
bool judge_find_leaf(struct judgement *j);
void judge_key_of_leaf(struct judgement *j);
void judge_leaf(struct judgement *j);
/* A certificate of the chain above the leaf. */
void judge_issuer(struct judgement *j, X509 *issuer);
/* Fills order[]. */
void judge_chain(struct judgement *j);
/* The key's kind and size; the same rule for all certificates of the chain. */
void judge_strength(struct judgement *j, X509 *certificate, const char *whose);

#endif
