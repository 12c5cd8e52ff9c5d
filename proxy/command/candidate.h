/*
 * candidate.h - certificates in files that nobody serves yet: read whatever their format,
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
    struct text_list files; /* these three are the caller's */
    const char *key; /* a file; NULL: in the others, or none */
    char *password; /* NULL: none */

    struct secret_file first, key_file;
    struct collection collection;
    struct pem_text chain, keys; /* of files that must be put together */
    struct pem_text unlocked; /* what the password made of the key's file */
    struct findings findings;
    struct judged_pair pair;
    bool servable;
};

/* Whether it can be served; pair is filled if so, findings in any case. At first all but
 * the caller's is zero. */
bool candidate_judge(struct candidate *candidate);
void candidate_destroy(struct candidate *candidate);

#endif
