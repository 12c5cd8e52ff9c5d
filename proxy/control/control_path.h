/*
 * control_path.h - the name of the control socket in the file system.
 *
 * It is taken over from a process that no longer answers, never from one that does. It is
 * removed only while it still leads to our socket.
 */
#ifndef WLBPROXY_CONTROL_CONTROL_PATH_H
#define WLBPROXY_CONTROL_CONTROL_PATH_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

struct control_path {
    char text[108]; /* as much as a socket's address can hold */
    dev_t device;
    ino_t inode;
};

/* Returns a listening socket (close-on-exec, non-blocking) that only its owner may
 * connect to, or -1 and err. `succeeding`: the process that answers there is our
 * predecessor, and knows. */
int control_path_listen(
    struct control_path *path, const char *text, bool succeeding, struct error *err);

/* Returns whether one could listen there. Nothing is made. */
bool control_path_check(const char *text, struct error *err);

/* Returns whether nothing is there any more, or what is not ours. */
bool control_path_is_lost(const struct control_path *path);

void control_path_remove(const struct control_path *path);

#endif
