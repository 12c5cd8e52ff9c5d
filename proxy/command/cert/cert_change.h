/*
 * cert_change.h - puts a pair in place, makes the proxy serve it, and confirms it; if
 * that fails, everything goes back.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_CHANGE_H
#define WLBPROXY_COMMAND_CERT_CERT_CHANGE_H

#include <stdbool.h>

#include "certstore/install/pair_switch.h"

struct cert_place;
struct cert_say;

enum { CERT_CONSUMED_MAX = 2 };

struct cert_change {
    struct cert_place *place; /* opened by cert_change_open() */
    struct cert_say *say;
    const struct pair_text *fresh;
    const char *sha256; /* of its leaf */
    const char *summary; /* "3 certificates, RSA 2048 key from ..." */
    enum pair_keep keep;
    bool force; /* of the reload */
    /* Files removed before the reload, and put back if the change is undone; NULL:
     * none. */
    const char *consumed[CERT_CONSUMED_MAX];
};

/* Opens the pair, and reports an interruption that it has settled. */
bool cert_change_open(struct cert_place *place, struct cert_say *say, struct error *err);

/* Returns the exit status, and reports everything. With --dry-run it only reports. */
int cert_change_apply(const struct cert_change *change);

#endif
