/*
 * cert_pool.h - makes a pool trust a chain, through the system's ssh and the pool's own
 * xe.
 *
 * The coordinator is asked for its generation of XAPI. The one certificate that this
 * generation needs is copied there and installed, the pool is synchronised, verification
 * switched on, and the result is asked for and reported. Every command is shown before it
 * runs, and the operator is asked before the first one that changes anything. A step may
 * be repeated without harm.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_POOL_H
#define WLBPROXY_COMMAND_CERT_CERT_POOL_H

#include <stdbool.h>

#include <openssl/types.h>

struct stack_st_X509;

struct pool_task {
    const char *host; /* "root@coordinator" */
    bool yes; /* do not ask */
    bool dry_run; /* only look */
    X509 *leaf;
    struct stack_st_X509 *chain; /* without the leaf */
};

/* Returns the exit status, and reports everything to people. */
int pool_trust(const struct pool_task *task);

#endif
