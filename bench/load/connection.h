/*
 * connection.h - one client connection: connects, makes the handshake, sends a request,
 * reads the reply, and starts again.
 */
#ifndef WLBPROXY_BENCH_LOAD_CONNECTION_H
#define WLBPROXY_BENCH_LOAD_CONNECTION_H

#include <openssl/ssl.h>

#include "bench/load/load.h"
#include "bench/load/reply.h"

enum state { CONNECT, HANDSHAKE, SEND, RECEIVE, END, HELD };

struct connection {
    struct load *load;
    int fd;
    enum state state;
    uint32_t watched;
    SSL *ssl;
    SSL_SESSION *session; /* of the previous connection */
    double started;
    size_t sent;
    struct reply reply;
};

/* Shared by all connections of a run. */
struct load {
    const struct load_options *options;
    SSL_CTX *context;
    struct load_result *result;
    int epoll;
    struct connection *connections;
    unsigned active, opened;
    double begin, end; /* s, CLOCK_MONOTONIC */
    bool counting;
};

double connection_clock(void); /* s, CLOCK_MONOTONIC */

/* Begins an operation: on the present connection, or on a new one. */
void connection_start(struct connection *c);
void connection_on_event(struct connection *c, uint32_t events);
void connection_end(struct connection *c);

/* A callback for SSL_CTX_sess_set_new_cb(). */
int connection_on_session(SSL *ssl, SSL_SESSION *session);

#endif
