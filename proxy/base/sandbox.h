/*
 * sandbox.h - limits the system calls of a worker once it serves. It may use the sockets
 * it has, connect to backends and manage its own memory. It may not open a file, start a
 * program, touch another process or make code.
 *
 * A call that no library probes for ends the process. Any other forbidden call fails with
 * EPERM, because a library that probes for a feature must not end the service. Nothing in
 * the environment changes any of it.
 */
#ifndef WLBPROXY_BASE_SANDBOX_H
#define WLBPROXY_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* Call it before the event loop is made, in the master, too. libuv 1.45 and later would
 * give its epoll_ctl(2) to io_uring, whose requests no filter sees and epoll_retry.h
 * cannot repeat. Without a ring libuv makes the system calls. */
bool sandbox_enter_early(unsigned uv_version, struct error *err);

/* Returns why this build is not confined at all (sanitizers need the file system), else
 * NULL. */
const char *sandbox_exemption(void);

enum sandbox_kind {
    SANDBOX_WORKER, /* TCP */
    SANDBOX_WORKER_WITH_UNIX, /* and unix sockets: a service connects to one */
    SANDBOX_SIGNER, /* bytes on the sockets it has, and its own memory */
    SANDBOX_ADMIN, /* the same, and accept */
    SANDBOX_HELPER, /* everything a resolver needs, but no program and no other process */
};

/* Cannot be undone. False only if the kernel refused the filter. */
bool sandbox_enter(enum sandbox_kind kind, struct error *err);

#endif
