/*
 * verdict.h - XenServer's verdict on a server's certificates, release by release, and the
 * commands that make it accept them.
 *
 * VERDICT: {"service"?, "address", "release", "accepted", "reason", "install",
 * "file_name", "commands": [text]}. "install" is the subject of the certificate that must
 * be in the pool, and the verdict assumes that it is; "" if it is not in the file, or if
 * the installed ones were given. "file_name" is the name that export-for-pool gives it.
 */
#ifndef WLBPROXY_MASTER_VERDICT_H
#define WLBPROXY_MASTER_VERDICT_H

#include <stdbool.h>

#include <jansson.h>

#include "certstore/certificate.h"

struct plan;
struct stack_st_X509;

struct verdict_question {
    const char *service; /* its section; NULL: none */
    X509 *leaf;
    struct stack_st_X509 *chain; /* sent after the leaf; may be NULL */
    struct stack_st_X509 *unsent; /* roots in the file that are not sent; may be NULL */
    const char *address; /* host part of the pool's WLB URL; NULL: its names */
    struct stack_st_X509 *installed; /* certificates in the pool; NULL: those that must
                                      * be */
};

/* Appends a VERDICT for each address and release. */
void verdicts_add(json_t *verdicts, const struct verdict_question *question);

/* The verdicts of each service that XenServer connects to. A new reference. */
json_t *verdicts_for(const struct plan *plan, const char *address);

bool verdicts_are_good(const json_t *verdicts);

#endif
