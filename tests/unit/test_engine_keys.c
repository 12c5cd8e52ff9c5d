/* Keys that the engine adopts, and keys that stay with OpenSSL. */
#include "tests/unit/engine_pairs.h"

#include <openssl/provider.h>

/* The engine has nothing faster for them: they stay with OpenSSL. */
static void other_keys_are_left_alone(void **state)
{
    static const struct kind others[] = {
        {"RSA 2560", NULL, 2560}, {"P-521", "P-521", 0}, {"RSA 2048", NULL, 2048}};

    (void)state;
    need_ours();
    for (size_t k = 0; k < (engine_is_batched() ? 2 : 3); k++) {
        EVP_PKEY *key = new_key(&others[k]), *adopted = adopted_key(key);

        assert_ptr_equal(key, adopted);
        EVP_PKEY_free(adopted);
        EVP_PKEY_free(key);
    }
}

/* Finds out whose key the server used, by the group. */
static void without_batches_p384_alone_is_ours(void **state)
{
    static const char *const groups[][2] = {
        {"P-384", "curves"}, {"P-256", "default"}, {"X25519", "default"}};
    EVP_PKEY *key = new_key(&kinds[0]);
    SSL_CTX *server = server_context(key, "X25519:P-256:P-384");

    (void)state;
    assert_non_null(strstr(engine_description(), "openssl, P-384 of our own ("));
    assert_false(engine_is_batched());
    for (size_t i = 0; i < 3; i++) {
        SSL_CTX *client = client_context(TLS1_3_VERSION, groups[i][0]);
        EVP_PKEY *used = NULL;
        struct pair pair;

        open_pair(&pair, server, client);
        for (size_t round = 0; round < 4; round++)
            step(&pair);
        assert_true(is_open(&pair));
        assert_int_equal(SSL_get_tmp_key(pair.server, &used), 1);
        assert_string_equal(
            OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(used)), groups[i][1]);
        EVP_PKEY_free(used);
        close_pair(&pair);
        SSL_CTX_free(client);
    }
    SSL_CTX_free(server);
    EVP_PKEY_free(key);
}

/* Our key could not decrypt what the client sends. */
static void an_rsa_key_stays_where_rsa_key_exchange_is_allowed(void **state)
{
    EVP_PKEY *key = new_key(&kinds[0]);
    SSL_CTX *server = server_context_for(key, "P-384", "AES128-GCM-SHA256");
    SSL_CTX *client = client_context(TLS1_2_VERSION, "P-384");
    struct pair pair;

    (void)state;
    open_pair(&pair, server, client);
    for (size_t round = 0; round < 4; round++) {
        step(&pair);
        while (engine_pending() > 0)
            (void)engine_run();
    }
    assert_true(is_open(&pair));
    assert_string_equal(SSL_get_cipher(pair.server), "AES128-GCM-SHA256");
    close_pair(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static int trust_anyone(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    return X509_STORE_CTX_get0_cert(store) != NULL;
}

/* Peers' public keys stay with OpenSSL's provider, although ours has the same types. */
static void client_certificates_are_verified_by_openssl(void **state)
{
    (void)state;
    need_ours();
    for (size_t k = 0; k < 4; k += 3) {
        EVP_KEYMGMT *type = EVP_KEYMGMT_fetch(
            engine_libctx(), kinds[k].curve != NULL ? "EC" : "RSA", NULL);
        EVP_PKEY *key = kinds[k].curve != NULL
            ? EVP_PKEY_Q_keygen(engine_libctx(), NULL, "EC", kinds[k].curve)
            : EVP_PKEY_Q_keygen(engine_libctx(), NULL, "RSA", kinds[k].bits);
        SSL_CTX *server = server_context(key, "X25519:P-256");
        X509 *cert = certificate(key);

        assert_string_equal(
            OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(type)), "default");
        if (engine_is_batched())
            assert_ptr_not_equal(key, SSL_CTX_get0_privatekey(server));
        SSL_CTX_set_verify(
            server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(server, trust_anyone, NULL);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            SSL_CTX *client = client_context(version, "X25519:P-256");
            EVP_PKEY *own = new_key(&kinds[k]);
            X509 *own_cert = certificate(own);
            struct pair pair;

            assert_int_equal(SSL_CTX_use_cert_and_key(client, own_cert, own, NULL, 1), 1);
            open_pair(&pair, server, client);
            for (size_t round = 0; round < 8; round++) {
                step(&pair);
                while (engine_pending() > 0)
                    (void)engine_run();
            }
            assert_true(is_open(&pair));
            close_pair(&pair);
            X509_free(own_cert);
            EVP_PKEY_free(own);
            SSL_CTX_free(client);
        }
        X509_free(cert);
        SSL_CTX_free(server);
        EVP_PKEY_free(key);
        EVP_KEYMGMT_free(type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_keys_are_left_alone),
        cmocka_unit_test(an_rsa_key_stays_where_rsa_key_exchange_is_allowed),
        cmocka_unit_test(client_certificates_are_verified_by_openssl),
    };
    const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(without_batches_p384_alone_is_ours),
        cmocka_unit_test(other_keys_are_left_alone),
        cmocka_unit_test(an_rsa_key_stays_where_rsa_key_exchange_is_allowed),
        cmocka_unit_test(client_certificates_are_verified_by_openssl),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_engine) +
        cmocka_run_group_tests(own_tests, start_own_engine, stop_engine);
}
