/*
 * control_server.h - the master's side of the control socket: takes a line, gives a line.
 *
 * Few clients at a time, short requests, and a deadline for everything the client must
 * do: a local program that stalls keeps nobody waiting but itself. Only root and our own
 * user are listened to.
 */
#ifndef WLBPROXY_CONTROL_CONTROL_SERVER_H
#define WLBPROXY_CONTROL_CONTROL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>
#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/control/control.h"
#include "proxy/control/control_path.h"

struct control_server;
struct error;

enum { CONTROL_REQUEST_MAX = 4096, CONTROL_CLIENTS_MAX = 32 };

struct control_client {
    struct list link;
    struct control_server *server;
    uv_poll_t poll;
    int fd;
    uint64_t
        due; /* ms: when it must have asked, or taken the answer; 0: we are at work */
    char in[CONTROL_REQUEST_MAX];
    size_t in_len;
    char *out; /* NULL: not answered yet */
    size_t out_len, out_sent;
    int fds[CONTROL_FDS_MAX];
    size_t fd_count, fds_sent;
    void *work; /* the owner's, while it is at work for this client */
};

struct control_server {
    uv_loop_t *loop;
    void *owner;
    /* Answer now or later by control_reply(). */
    void (*request)(struct control_client *client, json_t *request);
    /* Is this process one of ours? They have nothing to say here. */
    bool (*is_child)(const struct control_server *server, pid_t pid);
    /* Went away while we were at work for it. */
    void (*gone)(struct control_client *client);
    struct control_path path;
    int fd; /* -1: closed */
    uv_poll_t poll;
    uv_timer_t tick;
    struct list clients;
    unsigned count;
};

void control_server_init(struct control_server *server, uv_loop_t *loop);

/* Takes the path over from a socket nobody answers on; with `succeeding` from our
 * predecessor, too. */
bool control_server_open(
    struct control_server *server, const char *path, bool succeeding, struct error *err);

/* Removes the path, unless it leads to somebody else by now. */
void control_server_stop(struct control_server *server);

/* Takes over `answer` and the descriptors. */
void control_reply(
    struct control_client *client, json_t *answer, const int *fds, size_t fd_count);
void control_refuse(struct control_client *client, const char *sentence);

#endif
