#include "tests/unit/tls_rig.h"

#include "proxy/base/counters.h"
#include "proxy/base/error.h"
#include "proxy/tls/tls_session.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void data_survives_any_fragmentation(void **state)
{
    static const size_t steps[] = {1, 2, 5, 7, 1000, 100000};

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            connect_peers(versions[v], steps[i]);
            SSL_write(client.ssl, "ping", 4);
            assert_true(tls_write(server.tls, "pong!", 5));
            settle(steps[i]);
            assert_int_equal(server.plain_len, 4);
            assert_memory_equal(server.plain, "ping", 4);
            assert_int_equal(client.plain_len, 5);
            assert_memory_equal(client.plain, "pong!", 5);
            end();
        }
    }
}

static void a_large_write_is_encrypted_whole(void **state)
{
    static char large[100 * 1000];

    (void)state;
    memset(large, 'x', sizeof(large));
    for (size_t v = 0; v < 2; v++) {
        connect_peers(versions[v], 4096);
        assert_true(tls_write(server.tls, large, sizeof(large)));
        settle(4096);
        assert_int_equal(client.plain_len, sizeof(large));
        assert_memory_equal(client.plain, large, sizeof(large));
        end();
    }
}

static void kept_input_is_read_later(void **state)
{
    char *bytes, copy[512];

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        connect_peers(versions[v], 1000);
        SSL_write(client.ssl, "one", 3);
        SSL_write(client.ssl, "two", 3);
        size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
        memcpy(copy, bytes, len);
        tls_feed(server.tls, copy, len);
        assert_int_equal(tls_read(server.tls, server.plain, PLAIN), 3);
        tls_keep(server.tls);
        memset(copy, 0, sizeof(copy));
        assert_true(tls_has_input(server.tls));
        assert_int_equal(tls_read(server.tls, server.plain, PLAIN), 3);
        assert_memory_equal(server.plain, "two", 3);
        assert_int_equal(tls_read(server.tls, server.plain, PLAIN), TLS_NEED_INPUT);
        end();
    }
}

static void after_close_notify_our_answer_still_arrives(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        connect_peers(versions[v], 1000);
        SSL_write(client.ssl, "question", 8);
        SSL_shutdown(client.ssl);
        settle(3);
        assert_int_equal(server.last, TLS_END);
        assert_int_equal(server.plain_len, 8);
        assert_true(tls_write(server.tls, "answer", 6));
        tls_end(server.tls);
        BIO_write(client.in, buffer_data(&server.out), (int)buffer_len(&server.out));
        assert_int_equal(SSL_read(client.ssl, client.plain, PLAIN), 6);
        assert_int_equal(SSL_read(client.ssl, client.plain, PLAIN), 0);
        assert_int_equal(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN);
        end();
    }
}

static void plain_http_is_recognised_at_any_split(void **state)
{
    static const struct {
        const char *text;
        int event;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", TLS_PLAIN_HTTP},
        {"POST /x HTTP/1.0\r\n", TLS_PLAIN_HTTP},
        {"OPTIONS * HTTP/1.1\r\n", TLS_PLAIN_HTTP},
        {"GE", TLS_NEED_INPUT},
        {"get / HTTP/1.1\r\n\r\n", TLS_FAILED},
        {"SSH-2.0-OpenSSH_9.2\r\n", TLS_FAILED},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZ", TLS_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step < 30; step += 4) {
            begin();
            feed(cases[i].text, strlen(cases[i].text), step);
            assert_int_equal(server.last, cases[i].event);
            end();
        }
    }
}

static void a_proxy_protocol_header_is_named_at_any_split(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool complete;
    } cases[] = {
        {"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n", 41, true},
        {"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16, true},
        {"PROX", 4, false},
        {"\r\n\r\n\0\r\nQUI", 10, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step < 30; step += 4) {
            begin();
            feed(cases[i].bytes, cases[i].len, step);
            assert_int_equal(
                server.last, cases[i].complete ? TLS_FAILED : TLS_NEED_INPUT);
            if (cases[i].complete) {
                assert_int_equal(
                    tls_info(server.tls)->cause_kind, TLS_FAILURE_PROXY_PROTOCOL);
                assert_non_null(strstr(tls_error(server.tls), "PROXY protocol"));
            }
            end();
        }
    }
}

static void a_failure_sends_its_alert(void **state)
{
    (void)state;
    begin();
    SSL_set_max_proto_version(client.ssl, TLS1_1_VERSION);
    SSL_set_cipher_list(client.ssl, "ALL:@SECLEVEL=0");
    run_client();
    char *bytes;
    long len = BIO_get_mem_data(client.out, &bytes);
    feed(bytes, (size_t)len, 1000);
    assert_int_equal(server.last, TLS_FAILED);
    assert_true(buffer_len(&server.out) >= 7);
    assert_int_equal(buffer_data(&server.out)[0], SSL3_RT_ALERT);
    const struct tls_info *facts = tls_info(server.tls);
    assert_string_equal(facts->alert, "protocol version");
    assert_non_null(strstr(facts->offered, "versions=1."));
    assert_string_equal(facts->cause, "the client offers nothing newer than TLS 1.1");
    assert_int_equal(facts->cause_kind, TLS_FAILURE_OLD_VERSION);
    end();
}

static void no_common_group_is_said_so(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        begin();
        SSL_set_min_proto_version(client.ssl, versions[v]);
        SSL_set_max_proto_version(client.ssl, versions[v]);
        SSL_set1_groups_list(client.ssl, "P-521");
        settle(1000);
        assert_int_equal(server.last, TLS_FAILED);
        assert_string_equal(
            tls_info(server.tls)->cause, "no key exchange group in common");
        assert_int_equal(tls_info(server.tls)->cause_kind, TLS_FAILURE_NO_GROUP);
        assert_non_null(strstr(tls_info(server.tls)->offered, "groups=P-521"));
        end();
    }
}

/* A client with RSA key exchange alone offers no groups, and needs none. */
static void no_common_cipher_is_not_taken_for_a_missing_group(void **state)
{
    (void)state;
    begin();
    SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    SSL_set_cipher_list(client.ssl, "AES128-SHA");
    settle(1000);
    assert_int_equal(server.last, TLS_FAILED);
    assert_non_null(strstr(tls_info(server.tls)->offered, "groups= "));
    assert_non_null(strstr(tls_info(server.tls)->cause, "no cipher in common"));
    end();
}

/* Only that engine verifies clients. */
static void need_openssl(void)
{
    if (strcmp(service_engine, "openssl") != 0)
        skip();
}

static void a_client_without_the_certificate_asked_for_is_explained(void **state)
{
    (void)state;
    need_openssl();
    for (size_t v = 0; v < 2; v++) {
        SSL_CTX_set_verify(
            server_context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        begin();
        SSL_set_max_proto_version(client.ssl, versions[v]);
        settle(1000);
        assert_int_equal(server.last, TLS_FAILED);
        assert_string_equal(tls_info(server.tls)->alert,
            v == 0 ? "handshake failure" : "certificate required");
        assert_non_null(strstr(tls_info(server.tls)->cause, "none was sent"));
        end();
        SSL_CTX_set_verify(server_context, SSL_VERIFY_NONE, NULL);
    }
}

/* The certificate's issuer is unknown to the server. */
static void a_client_certificate_that_is_refused_is_explained(void **state)
{
    EVP_PKEY *key;
    X509 *certificate;

    (void)state;
    need_openssl(); /* skips the test, before anything is allocated */
    key = make_key();
    certificate = make_certificate(key);
    SSL_CTX_set_verify(server_context, SSL_VERIFY_PEER, NULL);
    begin();
    SSL_use_certificate(client.ssl, certificate);
    SSL_use_PrivateKey(client.ssl, key);
    settle(1000);
    assert_int_equal(server.last, TLS_FAILED);
    assert_string_equal(tls_info(server.tls)->cause,
        "the client's certificate is not acceptable: self-signed certificate");
    assert_int_equal(tls_info(server.tls)->cause_kind, TLS_FAILURE_BAD_CLIENT_CERT);
    end();
    SSL_CTX_set_verify(server_context, SSL_VERIFY_NONE, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int refuse(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT);
    return 0;
}

static void a_client_that_distrusts_us_is_explained(void **state)
{
    (void)state;
    begin();
    SSL_set_verify(client.ssl, SSL_VERIFY_PEER, refuse);
    SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION);
    settle(1000);
    assert_int_equal(server.last, TLS_FAILED);
    assert_string_equal(tls_info(server.tls)->alert, "unknown CA");
    assert_non_null(strstr(tls_info(server.tls)->cause, "install its CA"));
    assert_int_equal(tls_info(server.tls)->cause_kind, TLS_FAILURE_UNKNOWN_CA);
    end();
}

static void key_updates_end_in_a_flood(void **state)
{
    (void)state;
    connect_peers(TLS1_3_VERSION, 1000);
    for (int i = 0; i < 20; i++) {
        SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
        settle(1000);
    }
    assert_int_equal(server.last, TLS_NEED_INPUT);
    for (int i = 0; i < 20 && server.last == TLS_NEED_INPUT; i++) {
        SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        settle(1000);
    }
    assert_int_equal(server.last, TLS_FLOOD);
    assert_int_equal(server.tls->alert_sent,
        server.tls->engine->id == TLS_ENGINE_NATIVE ? SSL_AD_UNEXPECTED_MESSAGE
                                                    : SSL_AD_RECORD_OVERFLOW);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
        SSL_AD_REASON_OFFSET + server.tls->alert_sent);
    end();
}

/* A hello that comes byte by byte, one a record, and never ends. */
static void a_flood_of_handshake_records_is_answered_by_an_alert(void **state)
{
    char record[] = {22, 3, 1, 0, 1, 1 /* ClientHello */}, length[] = {1, 0, 0};
    const char *alert;

    (void)state;
    begin();
    for (size_t i = 0; i < 20000 && server.last == TLS_NEED_INPUT; i++) {
        feed(record, sizeof(record), i % 3 + 1);
        record[5] = (char)(i < sizeof(length) ? length[i] : 0);
    }
    assert_int_equal(server.last, TLS_FLOOD);
    assert_int_equal(tls_read(server.tls, server.plain, PLAIN), TLS_FLOOD);
    assert_true(buffer_len(&server.out) == 7);
    alert = buffer_data(&server.out);
    assert_int_equal(alert[0], SSL3_RT_ALERT);
    assert_int_equal(alert[5], SSL3_AL_FATAL);
    assert_int_equal(alert[6], SSL_AD_RECORD_OVERFLOW);
    end();
}

static void key_updates_with_data_between_are_no_flood(void **state)
{
    static char data[16 * 1024];

    (void)state;
    connect_peers(TLS1_3_VERSION, 5000);
    for (int i = 0; i < 60; i++) {
        SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
        assert_int_equal(SSL_write(client.ssl, data, sizeof(data)), sizeof(data));
        server.plain_len = 0;
        settle(5000);
        assert_int_equal(server.plain_len, sizeof(data));
    }
    assert_int_equal(server.last, TLS_NEED_INPUT);
    end();
}

static void renegotiation_ends_in_a_flood(void **state)
{
    (void)state;
    connect_peers(TLS1_2_VERSION, 1000);
    for (int i = 0; i < 100 && server.last == TLS_NEED_INPUT; i++) {
        SSL_renegotiate(client.ssl);
        settle(1000);
        if (SSL_is_init_finished(client.ssl) == 0)
            break; /* the client has given up after the refusal */
    }
    assert_true(client.plain_len == 0);
    end();
}

static void facts_name_what_was_negotiated(void **state)
{
    (void)state;
    begin();
    SSL_set_tlsext_host_name(client.ssl, "wlb.example.com");
    settle(1000);
    const struct tls_info *facts = tls_info(server.tls);
    assert_true(facts->handshake_done);
    assert_string_equal(facts->version, "TLSv1.3");
    assert_string_equal(facts->cipher, "TLS_AES_256_GCM_SHA384");
    assert_string_equal(facts->sni, "wlb.example.com");
    assert_string_equal(facts->alpn, "");
    assert_string_equal(facts->alert, "");
    assert_string_equal(facts->offered, "");
    assert_true(facts->group[0] != '\0');
    end();
}

static void a_handshake_is_counted_by_what_was_negotiated(void **state)
{
    static const struct {
        const char *groups, *ciphers;
        int version;
        enum tls_version_kind version_kind;
        enum tls_group_kind group;
        enum tls_cipher_kind cipher;
    } cases[] = {
        {"X25519", "", TLS1_3_VERSION, TLS_VERSION_13, TLS_GROUP_X25519,
            TLS_CIPHER_AES256},
        {"P-384:P-256", "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, TLS_VERSION_12,
            TLS_GROUP_P384, TLS_CIPHER_ECDSA_AES128},
        {"P-256", "ECDHE-ECDSA-AES256-SHA384", TLS1_2_VERSION, TLS_VERSION_12,
            TLS_GROUP_P256, TLS_CIPHER_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct counters one = {0}, all = {0};
        const struct tls_counts *sum = &all.tls;

        begin();
        SSL_set_max_proto_version(client.ssl, cases[i].version);
        SSL_set1_groups_list(client.ssl, cases[i].groups);
        if (*cases[i].ciphers != '\0')
            SSL_set_cipher_list(client.ssl, cases[i].ciphers);
        settle(1000);
        tls_counts_count(&one.tls, server.tls);
        counters_add(&all, &one);
        counters_add(&all, &one);
        assert_int_equal(sum->engines[server.tls->engine->id], 2);
        assert_int_equal(sum->versions[cases[i].version_kind], 2);
        assert_int_equal(sum->groups[cases[i].group], 2);
        assert_int_equal(sum->ciphers[cases[i].cipher], 2);
        assert_int_equal(sum->signatures[TLS_SIGNATURE_ECDSA], 2);
        end();
    }
}

static void every_changed_byte_of_a_flight_is_survived(void **state)
{
    char *bytes, copy[2048];

    (void)state;
    for (size_t at = 0;; at++) {
        begin();
        run_client();
        size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
        assert_true(len < sizeof(copy));
        memcpy(copy, bytes, len);
        if (at < len)
            copy[at] ^= 0x55;
        feed(copy, len, 1000);
        tls_info(server.tls);
        end();
        if (at >= len)
            break;
    }
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_survives_any_fragmentation),
        cmocka_unit_test(a_large_write_is_encrypted_whole),
        cmocka_unit_test(kept_input_is_read_later),
        cmocka_unit_test(after_close_notify_our_answer_still_arrives),
        cmocka_unit_test(plain_http_is_recognised_at_any_split),
        cmocka_unit_test(a_proxy_protocol_header_is_named_at_any_split),
        cmocka_unit_test(a_failure_sends_its_alert),
        cmocka_unit_test(no_common_group_is_said_so),
        cmocka_unit_test(a_client_that_distrusts_us_is_explained),
        cmocka_unit_test(no_common_cipher_is_not_taken_for_a_missing_group),
        cmocka_unit_test(a_client_without_the_certificate_asked_for_is_explained),
        cmocka_unit_test(a_client_certificate_that_is_refused_is_explained),
        cmocka_unit_test(key_updates_end_in_a_flood),
        cmocka_unit_test(a_flood_of_handshake_records_is_answered_by_an_alert),
        cmocka_unit_test(key_updates_with_data_between_are_no_flood),
        cmocka_unit_test(renegotiation_ends_in_a_flood),
        cmocka_unit_test(facts_name_what_was_negotiated),
        cmocka_unit_test(a_handshake_is_counted_by_what_was_negotiated),
        cmocka_unit_test(every_changed_byte_of_a_flight_is_survived),
    };

    int failed;

    rig_options = "groups = X25519:P-384:P-256\n"
                  "ciphersuites = TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256\n"
                  "ciphers = ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES256-SHA384\n";
    failed =
        cmocka_run_group_tests_name("no crypto", tests, make_contexts, free_contexts);

    if (!engine_start(ENGINE_AUTO, &err))
        return 1;
    failed += cmocka_run_group_tests_name("openssl", tests, make_contexts, free_contexts);
#ifdef WLB_TLS_NATIVE
    service_engine = "native";
    failed += cmocka_run_group_tests_name("native", tests, make_contexts, free_contexts);
#endif
    engine_stop();
    return failed;
}
