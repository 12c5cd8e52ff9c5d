/*
 * control_server.h - the master's side of the control socket: it reads a line and answers
 * with a line.
 *
 * There are few clients at a time, requests are short, and everything the client must do
 * has a deadline, so that a program that stalls delays nobody else. Only root and our own
 * user may ask.
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
    uint64_t due; /* ms: the deadline for its request, or for taking the answer; 0: the
                   * answer is being made */
    char in[CONTROL_REQUEST_MAX];
    size_t in_len;
    char *out; /* NULL: there is no answer yet */
    size_t out_len, out_sent;
    int fds[CONTROL_FDS_MAX];
    size_t fd_count, fds_sent;
    void *work; /* the owner's, while it makes the answer */
};

struct control_server {
    uv_loop_t *loop;
    void *owner;
    /* Answer now or later by control_reply(). */
    void (*request)(struct control_client *client, json_t *request);
    /* Returns whether the process is one of our own children: those may not ask. */
    bool (*is_child)(const struct control_server *server, pid_t pid);
    /* The client has gone while its answer was being made. */
    void (*gone)(struct control_client *client);
    struct control_path path;
    int fd; /* -1: closed */
    uv_poll_t poll;
    uv_timer_t tick;
    struct list clients;
    unsigned count;
};

void control_server_init(struct control_server *server, uv_loop_t *loop);

/* Takes the path over from a socket on which nobody answers; with `succeeding` from our
 * predecessor, too. */
bool control_server_open(
    struct control_server *server, const char *path, bool succeeding, struct error *err);

/* Removes the path, unless it leads to another socket by now. */
void control_server_stop(struct control_server *server);

/* Takes over `answer` and the descriptors. */
void control_reply(
    struct control_client *client, json_t *answer, const int *fds, size_t fd_count);
void control_refuse(struct control_client *client, const char *sentence);

#endif
