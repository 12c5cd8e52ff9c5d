/*
 * answer.h - makes the response for each path. Pure.
 */
#ifndef WLBPROXY_ADMIN_ANSWER_H
#define WLBPROXY_ADMIN_ANSWER_H

#include <stdbool.h>
#include <time.h>

#include <jansson.h>

struct buffer;
struct head;

enum answer_path {
    ANSWER_NOT_FOUND,
    ANSWER_PAGE, /* /: the status page for people */
    ANSWER_HEALTHZ,
    ANSWER_READYZ,
    ANSWER_METRICS,
    ANSWER_STATUS, /* /status.json: what `wlbproxy status --json` prints */
};

/* The parts of a request that are kept after its head has gone. */
struct answer_request {
    enum answer_path path;
    bool to_head; /* HEAD */
    bool other_method; /* neither GET nor HEAD */
    bool wants_openmetrics;
};

struct answer_request answer_request_of(const struct head *head);
bool answer_needs_status(const struct answer_request *request);

/* Appends the whole response. `status` NULL: the master did not send it in time. */
void answer_write(struct buffer *out, const struct answer_request *request,
    const json_t *status, time_t now);

/* Appends a refusal with one sentence as its text, without it to HEAD. */
void answer_refuse(
    struct buffer *out, unsigned status, const char *sentence, bool to_head);

#endif
