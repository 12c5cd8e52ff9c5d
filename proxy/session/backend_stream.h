/*
 * backend_stream.h - begins the connection to a backend, by TLS where its `connect` line
 * says so.
 */
#ifndef WLBPROXY_SESSION_BACKEND_STREAM_H
#define WLBPROXY_SESSION_BACKEND_STREAM_H

#include <stdint.h>

struct endpoint;
struct loop;
struct service;
struct stream;
struct stream_events;

/* `connect` is the number of that line, `to` an address that it resolves to, borrowed as
 * in stream_connect(). */
void backend_stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct service *service, uint32_t connect,
    const struct endpoint *to);

#endif
