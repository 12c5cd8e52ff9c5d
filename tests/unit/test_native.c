/* Handshakes by the functions that stream.c calls, with an OpenSSL client: which engine
 * answers a ClientHello, and that it makes no difference. */
#include "tests/unit/native_rig.h"

static const char *const suites_13[] = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
static const char *const groups[] = {"X25519", "P-256", "P-384"};

static void every_suite_group_and_key_of_tls13(void **state)
{
    static const char *const kinds[] = {"2048", "3072", "4096", "P-256", "P-384"};

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        open_service("", kinds[k]);
        for (size_t i = 0; i < 9; i++) {
            begin();
            SSL_set_min_proto_version(client.ssl, TLS1_3_VERSION);
            SSL_set_ciphersuites(client.ssl, suites_13[i % 3]);
            SSL_set1_groups_list(client.ssl, groups[i / 3]);
            shake(steps[i % 3]);
            assert_open();
            assert_string_equal(SSL_get_cipher(client.ssl), suites_13[i % 3]);
            const struct tls_info *facts = tls_info(server.tls);
            assert_string_equal(facts->version, "TLSv1.3");
            assert_string_equal(facts->cipher, suites_13[i % 3]);
            assert_string_equal(facts->group, groups[i / 3]);
            assert_false(facts->resumed);
            assert_true(facts->handshake_done);
            talk();
            end();
        }
        close_service();
    }
}

static SSL_SESSION *session_of(int version)
{
    begin();
    SSL_set_max_proto_version(client.ssl, version);
    shake(1000);
    assert_open();
    talk();
    SSL_SESSION *session = SSL_get1_session(client.ssl);
    assert_true(SSL_SESSION_has_ticket(session));
    SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    end();
    return session;
}

static void sessions_are_resumed_and_get_a_new_ticket(void **state)
{
    (void)state;
    open_service("", "P-256");
    for (size_t v = 0; v < 2; v++) {
        int version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
        SSL_SESSION *session = session_of(version);

        for (size_t i = 0; i < 6; i++) {
            begin();
            SSL_set_max_proto_version(client.ssl, version);
            SSL_set_session(client.ssl, session);
            shake(steps[i % 3]);
            assert_open();
            assert_int_equal(SSL_session_reused(client.ssl), 1);
            assert_true(tls_is_resumed(server.tls));
            talk();
            if (version == TLS1_3_VERSION) {
                SSL_SESSION_free(session);
                session = SSL_get1_session(client.ssl);
            }
            SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            end();
        }
        SSL_SESSION_free(session);
    }
    close_service();
}

/* Another suite may be used if it has the same digest, and no other. */
static void a_session_goes_with_its_digest(void **state)
{
    SSL_SESSION *session;

    (void)state;
    open_service("", "P-256");
    session = session_of(TLS1_3_VERSION);
    for (size_t i = 0; i < 3; i++) {
        begin();
        SSL_set_session(client.ssl, session);
        SSL_set_ciphersuites(client.ssl,
            i == 0 ? "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
                   : suites_13[i == 1 ? 0 : 2]);
        SSL_set1_groups_list(client.ssl, groups[i]);
        shake(1000);
        assert_open();
        assert_true(tls_is_resumed(server.tls) == (SSL_session_reused(client.ssl) == 1));
        end();
    }
    SSL_SESSION_free(session);
    close_service();
}

/* Neither engine knows the other's tickets. A ticket that OpenSSL gave, because the hello
 * needed a retry, is ignored, and so is ours in such a hello. */
static void tickets_of_the_other_do_no_harm(void **state)
{
    (void)state;
    open_service("", "P-256");
    for (size_t i = 0; i < 4; i++) {
        const bool retried[] = {i % 2 == 1, i / 2 == 1};
        SSL_SESSION *session = NULL;

        for (size_t k = 0; k < 2; k++) {
            begin();
            SSL_set1_groups_list(
                client.ssl, retried[k] ? "P-521:X25519" : supported_groups_only);
            SSL_set_session(client.ssl, session);
            shake(1000);
            assert_true(server.tls->open && native != retried[k]);
            talk();
            assert_true(
                tls_is_resumed(server.tls) == (k == 1 && retried[0] == retried[1]));
            SSL_SESSION_free(session);
            session = SSL_get1_session(client.ssl);
            SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            end();
        }
        SSL_SESSION_free(session);
    }
    close_service();
}

static void a_session_stays_with_its_service(void **state)
{
    SSL_SESSION *session;

    (void)state;
    open_service("", "P-256");
    session = session_of(TLS1_3_VERSION);
    close_service();
    open_service_of("other", "", "P-256");
    begin();
    SSL_set_session(client.ssl, session);
    shake(1000);
    assert_open();
    assert_false(tls_is_resumed(server.tls));
    end();
    SSL_SESSION_free(session);
    close_service();
}

static void name_and_protocol_are_negotiated_and_reported(void **state)
{
    (void)state;
    open_service("", "2048");
    for (size_t v = 0; v < 2; v++) {
        begin();
        SSL_set_max_proto_version(client.ssl, v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SSL_set_tlsext_host_name(client.ssl, "wlb.example.com");
        SSL_set_alpn_protos(client.ssl, (const unsigned char *)"\2h2\10http/1.1", 12);
        shake(1000);
        assert_open();
        const struct tls_info *facts = tls_info(server.tls);
        assert_string_equal(facts->sni, "wlb.example.com");
        assert_string_equal(facts->alpn, "http/1.1");
        const unsigned char *name;
        unsigned len;
        SSL_get0_alpn_selected(client.ssl, &name, &len);
        assert_int_equal(len, 8);
        end();
    }
    close_service();
}

/* OpenSSL answers each of these hellos, with success or its own alert. */
static void an_unsupported_client_hello_is_left_to_openssl(void **state)
{
    static const struct {
        const char *what, *options, *key;
        bool opens;
    } cases[] = {
        {"retry", "", "P-256", true},
        {"alpn", "", "P-256", false},
        {"fragment", "", "P-256", true},
        {"fallback", "", "P-256", true},
        {"ed25519", "", "ED25519", true},
        {"old", "", "P-256", false},
        {"cipher", "ciphers = AES128-GCM-SHA256\n", "2048", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *what = cases[i].what;

        open_service(cases[i].options, cases[i].key);
        begin();
        if (strcmp(what, "retry") == 0)
            SSL_set1_groups_list(client.ssl, "P-521:X25519");
        if (strcmp(what, "alpn") == 0)
            SSL_set_alpn_protos(client.ssl, (const unsigned char *)"\2h2", 3);
        if (strcmp(what, "fragment") == 0)
            SSL_set_tlsext_max_fragment_length(
                client.ssl, TLSEXT_max_fragment_length_1024);
        if (strcmp(what, "fallback") == 0)
            SSL_set_mode(client.ssl, SSL_MODE_SEND_FALLBACK_SCSV);
        if (strcmp(what, "old") == 0) {
            SSL_set_security_level(client.ssl, 0);
            SSL_set_min_proto_version(client.ssl, TLS1_VERSION);
            SSL_set_max_proto_version(client.ssl, TLS1_1_VERSION);
        }
        if (strcmp(what, "cipher") == 0)
            SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
        shake(1000);
        assert_false(native);
        assert_true(server.tls->open == cases[i].opens);
        end();
        close_service();
    }
}

static void shake_with_groups(const char *list)
{
    begin();
    assert_int_equal(SSL_set1_groups_list(client.ssl, list), 1);
    shake(1000);
    assert_true(server.tls->open);
}

/* OpenSSL gets it, if the service has the group. */
static void a_hybrid_group_is_left_to_openssl(void **state)
{
    static const struct {
        const char *offered, *agreed;
    } cases[] = {
        {"X25519MLKEM768", "X25519MLKEM768"}, {"X25519MLKEM768:X25519", "X25519MLKEM768"},
        {"X25519:X25519MLKEM768", "X25519"}, /* the client has a share of it */
    };

    (void)state;
    open_service("", "P-256");
    if (SSL_CTX_set1_groups_list(client.context, cases[0].offered) != 1) {
        ERR_clear_error();
        close_service();
        skip(); /* OpenSSL before 3.5 */
    }
    for (size_t i = 0; i < 3; i++) {
        shake_with_groups(cases[i].offered);
        assert_false(native);
        assert_string_equal(tls_info(server.tls)->group, cases[i].agreed);
        end();
    }
    close_service();
    open_service("groups = X25519:P-256\n", "P-256");
    shake_with_groups("X25519:X25519MLKEM768");
    assert_true(native);
    assert_string_equal(tls_info(server.tls)->group, "X25519");
    end();
    close_service();
}

/* There are facts even about a client that has not sent enough yet. */
static void there_are_facts_at_any_time(void **state)
{
    char *bytes;

    (void)state;
    open_service("", "P-256");
    begin();
    SSL_set_tlsext_host_name(client.ssl, "wlb.example.com");
    run_client();
    size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
    for (size_t at = 0; at <= len; at++) {
        const struct tls_info *facts = tls_info(server.tls);

        assert_string_equal(facts->version, "");
        assert_string_equal(facts->sni, at < len ? "" : "wlb.example.com");
        assert_string_equal(facts->alpn, "");
        assert_string_equal(facts->peer_subject, "");
        assert_false(facts->handshake_done);
        if (at < len)
            feed(bytes + at, 1, 1);
    }
    end();
    close_service();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_group_and_key_of_tls13),
        cmocka_unit_test(sessions_are_resumed_and_get_a_new_ticket),
        cmocka_unit_test(a_session_goes_with_its_digest),
        cmocka_unit_test(tickets_of_the_other_do_no_harm),
        cmocka_unit_test(a_session_stays_with_its_service),
        cmocka_unit_test(name_and_protocol_are_negotiated_and_reported),
        cmocka_unit_test(an_unsupported_client_hello_is_left_to_openssl),
        cmocka_unit_test(a_hybrid_group_is_left_to_openssl),
        cmocka_unit_test(there_are_facts_at_any_time),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_service_engine) +
        cmocka_run_group_tests(tests, start_own_engine, stop_service_engine);
}
