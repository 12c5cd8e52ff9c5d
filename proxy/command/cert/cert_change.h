/*
 * cert_change.h - a pair is put in place, goes live, and is confirmed; or everything goes
 * back to what it was.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_CHANGE_H
#define WLBPROXY_COMMAND_CERT_CERT_CHANGE_H

#include <stdbool.h>

#include "certstore/install/pair_switch.h"

struct cert_place;
struct cert_say;

enum { CERT_CONSUMED_MAX = 2 };

struct cert_change {
    struct cert_place *place; /* its pair is open */
    struct cert_say *say;
    const struct pair_text *fresh;
    const char *sha256; /* of its leaf */
    const char *summary; /* "3 certificates, RSA 2048 key from ..." */
    enum pair_keep keep;
    bool force; /* of the reload */
    /* Files removed before the reload, and put back if all goes back; NULL: none. */
    const char *consumed[CERT_CONSUMED_MAX];
};

/* Opens the pair, and tells of an interruption that was settled. */
bool cert_change_open(struct cert_place *place, struct cert_say *say, struct error *err);

/* Returns the exit status; tells all there is to tell. With --dry-run it only tells. */
int cert_change_apply(const struct cert_change *change);

#endif
