/*
 * no_files.h - takes the file system, and ports, away from a process that no longer needs
 * them.
 *
 * There are two means, because each covers what the other lacks. An empty root is a
 * folder that has been removed: no path leads anywhere, for any system call (stat,
 * connect). It needs root or a user namespace. Landlock forbids any user to open, make or
 * execute a file, and to reach an abstract unix socket of another process.
 *
 * The kernel may lack or forbid either one. `how` then says so, and the system call
 * filter (sandbox.h) still allows no call that opens a file.
 */
#ifndef WLBPROXY_BASE_NO_FILES_H
#define WLBPROXY_BASE_NO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NO_FILES_TEXT_MAX = 160 };

/* The TCP ports, of any address, that a process may connect to. Landlock knows ports
 * since its version 4. */
enum { TCP_PORTS_MAX = 32 };
struct tcp_ports {
    bool held; /* false: all of them */
    uint32_t count;
    uint16_t list[TCP_PORTS_MAX];
};

/* Call it before privileges_drop(), and while there is one thread. */
void no_files_empty_root(char *how, size_t size);

/* Call it after privileges_freeze(). */
enum no_files { NO_FILES, NO_FILES_READ_ONLY };
void no_files_landlock(
    enum no_files which, const struct tcp_ports *ports, char *how, size_t size);

#endif
