/*
 * candidate.h - certificates in files that are not served yet: read in any format, from
 * one file or several, and judged as the proxy would judge them.
 */
#ifndef WLBPROXY_COMMAND_CANDIDATE_H
#define WLBPROXY_COMMAND_CANDIDATE_H

#include <stdbool.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/collect.h"
#include "certstore/read/pem_text.h"
#include "certstore/read/secret_file.h"
#include "config/text_list.h"

struct candidate {
    struct text_list files; /* the caller sets these three */
    const char *key; /* a file; NULL: in the others, or none */
    char *password; /* NULL: none */

    struct secret_file key_file;
    struct collection collection;
    struct pem_text chain, keys; /* are judged; a single file's keys are in its chain */
    struct pem_text unlocked; /* the key's file, decrypted by the password */
    struct findings findings;
    struct judged_pair pair;
    bool servable;
};

/* Returns whether it can be served; then `pair` is filled. Findings are added in any
 * case. Begin with zeroes, except the caller's fields. */
bool candidate_judge(struct candidate *candidate);
void candidate_destroy(struct candidate *candidate);

#endif
