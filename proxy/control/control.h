/*
 * control.h - the client's side of the control socket: one request, one answer.
 *
 * docs/control.md has every request, and the members of every answer.
 */
#ifndef WLBPROXY_CONTROL_CONTROL_H
#define WLBPROXY_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct error;

enum { CONTROL_FDS_MAX = 256 };

struct control_answer {
    json_t *json; /* owned */
    int fds[CONTROL_FDS_MAX];
    size_t fd_count;
};

/* `request` is consumed (reference stolen). False and err if there is nobody to ask, the
 * answer does not come within timeout_ms, or is not JSON; an answer with "ok": false is
 * an answer. */
bool control_ask(const char *socket_path, json_t *request, int timeout_ms,
    struct control_answer *answer, struct error *err);

void control_answer_destroy(struct control_answer *answer);

#endif
