/*
 * cert_pool.h - a pool made to trust a chain, by the system's ssh and the pool's own xe.
 *
 * The coordinator is asked which generation of XAPI it is; the one certificate that this
 * generation needs is copied there and installed, the pool synchronised, verification
 * switched on, and what is so then is asked for and told. Every command is shown before
 * it is run, and before the first that changes anything the operator is asked. One that
 * was done before is done again without harm.
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

/* Returns the exit status; tells people all there is to tell. */
int pool_trust(const struct pool_task *task);

#endif
