/*
 * sandbox.h - what a worker may still ask of the kernel once it serves: talk on sockets
 * it has, connect to backends, manage its own memory. Not: open a file, start a program,
 * touch another process, make code.
 *
 * What no library probes for ends the process. Anything else fails with EPERM: a library
 * that looks for a feature must not end the service. Nothing in the environment changes
 * any of it.
 */
#ifndef WLBPROXY_BASE_SANDBOX_H
#define WLBPROXY_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* Before the event loop is made, in the master, too. libuv 1.45 and later would hand its
 * epoll_ctl(2) to io_uring, whose requests no filter sees (confine() therefore forbids
 * them) and epoll_retry.h cannot repeat; without a ring it does without. */
bool sandbox_enter_early(unsigned uv_version, struct error *err);

/* Why this build is not confined at all (sanitizers need the file system); else NULL. */
const char *sandbox_exemption(void);

enum sandbox_kind {
    SANDBOX_WORKER, /* TCP */
    SANDBOX_WORKER_WITH_UNIX, /* and unix sockets: a service connects to one */
    SANDBOX_SIGNER, /* bytes on the sockets it has, and its own memory */
    SANDBOX_ADMIN, /* the same, and accept */
    SANDBOX_HELPER, /* whatever a resolver does, but no program and no other process */
};

/* For good. False only if the kernel refused the filter. */
bool sandbox_enter(enum sandbox_kind kind, struct error *err);

#endif
