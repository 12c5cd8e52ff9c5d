/*
 * engine_pairs.h - keys of every kind, contexts made like the product's, and servers and
 * clients in pairs whose handshakes go through the engine, a step at a time.
 */
#ifndef WLBPROXY_TESTS_ENGINE_PAIRS_H
#define WLBPROXY_TESTS_ENGINE_PAIRS_H

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/key_stock.h"

enum { PEERS = 11, BIO_ROOM = 32768 };

static const struct kind {
    const char *name, *curve;
    size_t bits;
} kinds[] = {
    {"RSA 2048", NULL, 2048},
    {"RSA 3072", NULL, 3072},
    {"RSA 4096", NULL, 4096},
    {"P-256", "P-256", 0},
    {"P-384", "P-384", 0},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct pair {
    SSL *server, *client;
    bool awaits_keys, urgent;
    int failures;
};

static inline EVP_PKEY *new_key(const struct kind *kind)
{
    return kind->curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind->curve)
                               : key_stock_rsa(NULL, kind->bits, 0);
}

static inline X509 *certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
        (const unsigned char *)"wlb.example", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

/* Made like the product's: in the engine's library context, then adopted. */
static inline SSL_CTX *server_context_for(
    EVP_PKEY *key, const char *groups, const char *ciphers)
{
    SSL_CTX *context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());
    X509 *cert = certificate(key);

    assert_int_equal(SSL_CTX_set_cipher_list(context, ciphers), 1);
    assert_int_equal(SSL_CTX_use_cert_and_key(context, cert, key, NULL, 1), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(context, groups), 1);
    engine_adopt(context);
    X509_free(cert);
    return context;
}

static inline SSL_CTX *server_context(EVP_PKEY *key, const char *groups)
{
    return server_context_for(key, groups, "ECDHE+AESGCM");
}

static inline EVP_PKEY *adopted_key(EVP_PKEY *key)
{
    SSL_CTX *context = server_context(key, "X25519");
    EVP_PKEY *adopted = SSL_CTX_get0_privatekey(context);

    EVP_PKEY_up_ref(adopted);
    SSL_CTX_free(context);
    return adopted;
}

static inline SSL_CTX *client_context(int version, const char *groups)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set1_groups_list(context, groups);
    return context;
}

static inline int on_key_ready(SSL *ssl, void *pair)
{
    (void)ssl;
    ((struct pair *)pair)->awaits_keys = false;
    return 1;
}

static inline void open_pair(struct pair *pair, SSL_CTX *server, SSL_CTX *client)
{
    BIO *server_bio, *client_bio;

    memset(pair, 0, sizeof(*pair));
    pair->server = SSL_new(server);
    pair->client = SSL_new(client);
    assert_int_equal(BIO_new_bio_pair(&server_bio, BIO_ROOM, &client_bio, BIO_ROOM), 1);
    SSL_set_bio(pair->server, server_bio, server_bio);
    SSL_set_bio(pair->client, client_bio, client_bio);
    SSL_set_accept_state(pair->server);
    SSL_set_connect_state(pair->client);
    SSL_set_async_callback(pair->server, on_key_ready);
    SSL_set_async_callback_arg(pair->server, pair);
}

static inline void close_pair(struct pair *pair)
{
    engine_abandon(pair->server);
    SSL_free(pair->server);
    SSL_free(pair->client);
}

static inline bool is_open(const struct pair *pair)
{
    return SSL_is_init_finished(pair->server) && SSL_is_init_finished(pair->client);
}

static inline void step(struct pair *pair)
{
    int result;

    (void)SSL_do_handshake(pair->client);
    if (pair->awaits_keys)
        return;
    result = engine_handshake(pair->server, pair->urgent);
    if (SSL_get_error(pair->server, result) == SSL_ERROR_WANT_ASYNC)
        pair->awaits_keys = true;
    else if (SSL_get_error(pair->server, result) == SSL_ERROR_SSL)
        pair->failures++;
    ERR_clear_error();
}

#endif
