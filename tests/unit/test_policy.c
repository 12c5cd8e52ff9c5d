/* The signatures of a context; and unusual settings, by its service or for the whole
 * machine, which both engines obey. */
#include "tests/unit/tls_rig.h"

#include <openssl/conf.h>

#include "proxy/tls/tls_session.h"
#include "tests/unit/service.h"

static struct service service;

/* Like the system_default of openssl.cnf, which later contexts begin with. */
static void set_for_the_machine(const char *line)
{
    static const char head[] = "openssl_conf = all\n[all]\nssl_conf = "
                               "ssl\n[ssl]\nsystem_default = ours\n[ours]\n";
    BIO *text = BIO_new(BIO_s_mem());
    CONF *conf = NCONF_new(NULL);
    long wrong;

    BIO_puts(text, head);
    BIO_puts(text, line);
    BIO_puts(text, "\n");
    assert_int_equal(NCONF_load_bio(conf, text, &wrong), 1);
    assert_true(CONF_modules_load(conf, NULL, 0) > 0);
    NCONF_free(conf);
    BIO_free(text);
}

/* Returns whether the native engine made the handshake. */
static bool shake(const char *options, const char *key, int version)
{
    bool native = false;
    char *bytes;

    service_engine = "native";
    service_make(&service, "wlb", options, key);
    server_context = service.context;
    begin();
    SSL_set_max_proto_version(client.ssl, version);
    SSL_set1_groups_list(client.ssl, "X25519:P-256:P-384");
    for (int i = 0; i < 4; i++) {
        run_client();
        long len = BIO_get_mem_data(client.out, &bytes);
        feed(bytes, (size_t)len, 100000);
        native |= server.tls->engine == &tls_native;
        (void)BIO_reset(client.out);
    }
    return native;
}

static void finish(void)
{
    end();
    service_destroy(&service);
}

static void assert_opened(const char *version, int digest)
{
    int signed_by;

    assert_true(server.tls->open);
    assert_string_equal(SSL_get_version(client.ssl), version);
    assert_int_equal(SSL_get_peer_signature_nid(client.ssl, &signed_by), 1);
    assert_int_equal(signed_by, digest);
}

static void another_security_level_is_obeyed(void **state)
{
    static const char level_3[] = "ciphers = ECDHE+AESGCM:@SECLEVEL=3\n";
    static const char level_4[] = "ciphers = ECDHE+AESGCM:@SECLEVEL=4\n";

    (void)state;
    assert_false(shake(level_3, "P-256", TLS1_3_VERSION));
    assert_opened("TLSv1.3", NID_sha256);
    finish();
    /* X25519, P-256, AES-128 and SHA-256 are too weak for that level. */
    assert_false(shake(level_4, "P-384", TLS1_3_VERSION));
    assert_opened("TLSv1.3", NID_sha384);
    assert_int_equal(SSL_get_negotiated_group(client.ssl), NID_secp384r1);
    assert_string_equal(SSL_get_cipher(client.ssl), "TLS_AES_256_GCM_SHA384");
    finish();
}

static void versions_of_the_machine_are_obeyed(void **state)
{
    (void)state;
    set_for_the_machine("Protocol = -TLSv1.3");
    assert_false(shake("", "2048", TLS1_3_VERSION));
    assert_opened("TLSv1.2", NID_sha256);
    finish();
    set_for_the_machine("Protocol = -TLSv1.2");
    assert_false(shake("", "2048", TLS1_2_VERSION));
    assert_false(server.tls->open);
    finish();
}

static void signatures_of_the_machine_are_obeyed(void **state)
{
    static const struct {
        const char *list;
        bool native;
        int digest_12, digest_13;
    } cases[] = {
        {"rsa_pss_rsae_sha512:RSA+SHA384", false, NID_sha512, NID_sha512},
        {"RSA+SHA384:rsa_pss_rsae_sha512", false, NID_sha384, NID_sha512},
        /* The usual schemes in the usual order, as some systems have it. */
        {"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:"
         "rsa_pss_pss_sha384:rsa_pss_pss_sha512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
         "rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224:RSA+SHA224",
            true, NID_sha256, NID_sha256},
    };
    char line[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(line, sizeof(line), "SignatureAlgorithms = %s", cases[i].list);
        set_for_the_machine(line);
        assert_true(shake("", "2048", TLS1_2_VERSION) == cases[i].native);
        assert_opened("TLSv1.2", cases[i].digest_12);
        finish();
        assert_true(shake("", "2048", TLS1_3_VERSION) == cases[i].native);
        assert_opened("TLSv1.3", cases[i].digest_13);
        finish();
    }
}

/* The client offers only this one, and verifies it. */
static void every_scheme_of_tls13(void **state)
{
    static const struct {
        const char *key, *scheme;
        int digest, type;
    } cases[] = {
        {"2048", "rsa_pss_rsae_sha256", NID_sha256, EVP_PKEY_RSA_PSS},
        {"2048", "rsa_pss_rsae_sha384", NID_sha384, EVP_PKEY_RSA_PSS},
        {"2048", "rsa_pss_rsae_sha512", NID_sha512, EVP_PKEY_RSA_PSS},
        {"3072", "rsa_pss_rsae_sha384", NID_sha384, EVP_PKEY_RSA_PSS},
        {"4096", "rsa_pss_rsae_sha512", NID_sha512, EVP_PKEY_RSA_PSS},
        {"P-256", "ECDSA+SHA256", NID_sha256, EVP_PKEY_EC},
        {"P-384", "ECDSA+SHA384", NID_sha384, EVP_PKEY_EC},
    };
    SSL_CTX *usual = client.context;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int type;

        client.context = SSL_CTX_new(TLS_client_method());
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client.context, cases[i].scheme), 1);
        assert_true(shake("", cases[i].key, TLS1_3_VERSION));
        assert_opened("TLSv1.3", cases[i].digest);
        assert_int_equal(SSL_get_peer_signature_type_nid(client.ssl, &type), 1);
        assert_int_equal(type, cases[i].type);
        finish();
        SSL_CTX_free(client.context);
    }
    client.context = usual;
}

static int start(void **state)
{
    struct error err;

    (void)state;
    client.context = SSL_CTX_new(TLS_client_method());
    return engine_start(ENGINE_AUTO, &err) && engine_supports_native() ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    CONF_modules_finish();
    SSL_CTX_free(client.context);
    engine_stop();
    return 0;
}

/* The machine's setting does not outlive its test. */
static int forget(void **state)
{
    (void)state;
    set_for_the_machine("Options = ServerPreference");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_of_tls13),
        cmocka_unit_test(another_security_level_is_obeyed),
        cmocka_unit_test_teardown(versions_of_the_machine_are_obeyed, forget),
        cmocka_unit_test_teardown(signatures_of_the_machine_are_obeyed, forget),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
