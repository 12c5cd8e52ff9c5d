/*
 * resumed_clients.h - OpenSSL's clients, and the sessions that the side under test gives
 * them.
 */
#ifndef WLBPROXY_TESTS_RESUMED_CLIENTS_H
#define WLBPROXY_TESTS_RESUMED_CLIENTS_H

#include "tests/unit/hello_parts.h"

static SSL_CTX *clients;

static void open_clients(void)
{
    clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(clients, SSL_SESS_CACHE_OFF);
}

/* `resumed`: the session it offers to resume, or NULL. */
static SSL *client_offering(SSL_SESSION *resumed, int version)
{
    SSL *ssl = SSL_new(clients);

    SSL_set_min_proto_version(ssl, version);
    SSL_set_max_proto_version(ssl, version);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    if (resumed != NULL)
        assert_int_equal(SSL_set_session(ssl, resumed), 1);
    return ssl;
}

/* Returns the session for which the server under test has given `ssl` a ticket; frees
 * `ssl`. */
static SSL_SESSION *session_of(SSL *ssl)
{
    enum { ROUNDS = 4 };
    char *bytes, nothing;

    side_begin();
    for (int i = 0; i < ROUNDS; i++) {
        (void)SSL_do_handshake(ssl);
        long len = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
        side_feed((const unsigned char *)bytes, (size_t)len);
        (void)BIO_reset(SSL_get_wbio(ssl));
        BIO_write(SSL_get_rbio(ssl), buffer_data(&side.out), (int)buffer_len(&side.out));
        buffer_clear(&side.out);
        (void)SSL_read(ssl, &nothing, 0); /* the tickets of TLS 1.3 follow */
        (void)SSL_read(ssl, &nothing, 1);
    }
    SSL_SESSION *got = SSL_get1_session(ssl);
    assert_true(SSL_SESSION_is_resumable(got));
    assert_true(SSL_SESSION_has_ticket(got));
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
    SSL_free(ssl);
    side_end();
    return got;
}

#endif
