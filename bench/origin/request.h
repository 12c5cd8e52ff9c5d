/*
 * request.h - one HTTP/1 request as the stand-in backend reads it.
 *
 * It is lenient, because the tests judge what the proxy forwards. A head is parsed in
 * place; its slices are borrowed from the buffer it was parsed from.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_REQUEST_H
#define WLBPROXY_BENCH_ORIGIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *text;
    size_t len;
};

struct request {
    struct slice head; /* with its empty line */
    struct slice method, target, soap_action;
    uint64_t content_length;
    bool chunked, keep_alive, expects_continue;
};

/* The position in a request's body: the part that is still to come. */
struct body {
    uint64_t left; /* of the body, or of the chunk */
    enum { BODY_LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, BODY_DONE } state;
};

/* Returns the length of the head at the start of data, 0 when it is not complete yet, -1
 * when it is invalid. */
long request_parse(struct request *request, const char *data, size_t len);

/* Calls visit for each field; `value` has no white space around it. */
void request_each_field(const struct slice *head,
    void (*visit)(void *owner, struct slice name, struct slice value), void *owner);

void body_start(struct body *body, const struct request *request);

/* Takes the bytes of the body from data; *content is the part that is content. Returns
 * the bytes used, -1 for nonsense; call again until it returns 0 or the body is done. */
long body_feed(struct body *body, const char *data, size_t len, struct slice *content);

bool slice_is(struct slice slice, const char *text); /* letter case does not matter */
uint64_t slice_number(struct slice slice);

#endif
