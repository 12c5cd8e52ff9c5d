/*
 * stream_tls_rig.h - a stream with TLS inside; its peer is an OpenSSL client on its end's
 * descriptor.
 */
#ifndef WLBPROXY_TESTS_STREAM_TLS_RIG_H
#define WLBPROXY_TESTS_STREAM_TLS_RIG_H

#include <netinet/tcp.h>

#include <openssl/err.h>

#include "tests/unit/stream_rig.h"

static SSL *ssl;

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static inline void begin_tls(int version)
{
    accept_stream(server_context);
    loop_iterate(&loop, false);
    int flags = 1;
    assert_int_equal(
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &flags, sizeof(flags)), 0);
    ssl = SSL_new(client_context);
    SSL_set_min_proto_version(ssl, version);
    SSL_set_max_proto_version(ssl, version);
    SSL_set_fd(ssl, peer);
    SSL_set_connect_state(ssl);
    struct timeval brief = {.tv_usec = 1000};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
}

static inline void shake_hands(int version)
{
    begin_tls(version);
    ITERATE_UNTIL(SSL_do_handshake(ssl) == 1 && owner.opened);
}

static inline int read_from_ssl(char *bytes, int capacity)
{
    int n = -1;

    ERR_clear_error();
    ITERATE_UNTIL((n = SSL_read(ssl, bytes, capacity)) > 0 ||
        SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ);
    return n;
}

static inline void end_tls(void)
{
    SSL_free(ssl);
    ERR_clear_error();
    finish();
}

#endif
