/*
 * server.h - the stand-in backend's connections on one epoll loop.
 *
 * A connection reads one request, waits as long as its plan says, writes the reply, and
 * starts again; idle ones are closed after 15 s as by Mono's HttpListener.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_SERVER_H
#define WLBPROXY_BENCH_ORIGIN_SERVER_H

/* Serves a listening, non-blocking socket; returns only when *stop is set by a signal. */
void server_run(int listening, unsigned idle_ms, const volatile int *stop);

#endif
