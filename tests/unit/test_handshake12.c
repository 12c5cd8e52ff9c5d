/* Native handshakes of TLS 1.2: OpenSSL's client accepts them, and messages that no
 * client may send are refused as by OpenSSL. */
#include "tests/unit/handshake_case.h"

static void every_suite_group_and_key_shakes_hands(void **state)
{
    static const char *const keys[] = {"2048", "3072", "4096", "P-256", "P-384"};
    static const char *const groups[] = {"X25519", "P-256", "P-384"};
    static const char *const suites[] = {
        "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"};

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        bool rsa = keys[k][0] != 'P';

        for (size_t i = 0; i < 9; i++) {
            char suite[64], list[32];
            const char *group = groups[i / 3];

            (void)snprintf(suite, sizeof(suite), "ECDHE-%s-%s", rsa ? "RSA" : "ECDSA",
                suites[i % 3]);
            /* The client must know the certificate's curve, but the choice is ours. */
            (void)snprintf(list, sizeof(list), "groups = %s", group);
            rig_open(list, keys[k]);
            SSL_CTX_set_cipher_list(rig.clients, suite);
            begin();
            settle();
            assert_done();
            assert_string_equal(SSL_get_cipher(rig.client), suite);
            assert_false(rig.handshake->resumed);
            assert_true(rig.handshake->scheme->rsa == rsa);
            talk();
            end();
            rig_close();
        }
    }
}

/* The client must verify it with each of them. */
static void every_signature_scheme_is_used_that_the_client_wants(void **state)
{
    static const char *const rsa[] = {"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
        "rsa_pss_rsae_sha512", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512"};
    static const char *const ec[] = {"ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512"};

    (void)state;
    for (size_t i = 0; i < 6 + 3; i++) {
        rig_open("groups = P-384", i < 6 ? "2048" : "P-256");
        assert_int_equal(
            SSL_CTX_set1_sigalgs_list(rig.clients, i < 6 ? rsa[i] : ec[i - 6]), 1);
        begin();
        settle();
        assert_done();
        end();
        rig_close();
    }
}

/* RFC 8446, 4.1.3: the server supports TLS 1.3. */
static void the_random_value_says_that_more_was_possible(void **state)
{
    unsigned char random[32];

    (void)state;
    begin();
    settle();
    assert_done();
    SSL_get_server_random(rig.client, random, sizeof(random));
    assert_memory_equal(random + 24, "DOWNGRD\1", 8);
    end();
}

static void name_and_protocol_are_taken(void **state)
{
    static const unsigned char protocols[] = "\2h2\x08http/1.1";
    const unsigned char *chosen;
    unsigned len;

    (void)state;
    begin();
    SSL_set_tlsext_host_name(rig.client, "wlb.example");
    SSL_set_alpn_protos(rig.client, protocols, sizeof(protocols) - 1);
    settle();
    assert_done();
    SSL_get0_alpn_selected(rig.client, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    assert_string_equal(rig.handshake->protocol, "http/1.1");
    assert_string_equal(rig.handshake->host_name, "wlb.example");
    end();
}

static void a_bad_key_exchange_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int alert;
    } cases[] = {
        {"\x10\0\0\0", 4, SSL_AD_HANDSHAKE_FAILURE},
        {"\x10\0\0\2\5\4", 6, SSL_AD_DECODE_ERROR},
        {"\x10\0\0\3\1\4\4", 7, SSL_AD_DECODE_ERROR},
        {"\x0f\0\0\1\0", 5, SSL_AD_UNEXPECTED_MESSAGE},
        {"\x14\0\0\x0c\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", 16, SSL_AD_UNEXPECTED_MESSAGE},
        {"\1\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        await_key_exchange();
        deliver_message((const unsigned char *)cases[i].bytes, cases[i].len);
        assert_refused(cases[i].alert);
    }
    await_key_exchange();
    assert_false(handshake_expects(rig.handshake, 16, 2049));
    assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    await_key_exchange();
    handshake_change_cipher_spec(rig.handshake);
    assert_refused(SSL_AD_UNEXPECTED_MESSAGE);
}

/* On no curve, and of another length. */
static void a_bad_point_is_refused(void **state)
{
    unsigned char message[4 + 1 + 97] = {16, 0, 0, 98, 97, 4};

    (void)state;
    SSL_CTX_set1_groups_list(rig.clients, "P-384");
    for (int i = 0; i < 2; i++) {
        await_key_exchange();
        message[3] = i == 0 ? 98 : 97;
        message[4] = i == 0 ? 97 : 96;
        message[50] = 1;
        deliver_message(message, i == 0 ? sizeof(message) : sizeof(message) - 1);
        assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    }
}

/* Runs up to and with the ChangeCipherSpec. */
static void await_finished(struct buffer *rest)
{
    unsigned char *bytes;

    await_key_exchange();
    run_client();
    take_from_client(rest);
    for (int i = 0; i < 2; i++) {
        bytes = (unsigned char *)rest->bytes + rest->start;
        size_t len = RECORD_HEADER + number(bytes + 3, 2);

        deliver(bytes, len);
        buffer_consume(rest, len);
    }
    assert_int_equal(rig.handshake->state, HANDSHAKE_AWAITS_CLIENT);
}

static void a_bad_finished_is_refused(void **state)
{
    static const unsigned char wrong[16] = {20, 0, 0, 12}, shorter[15] = {20, 0, 0, 11},
                               longer[17] = {20, 0, 0, 13};
    struct buffer rest = {0};

    (void)state;
    await_finished(&rest);
    deliver_message(wrong, sizeof(wrong));
    assert_refused(SSL_AD_DECRYPT_ERROR);
    await_finished(&rest);
    deliver_message(shorter, sizeof(shorter));
    assert_refused(SSL_AD_DECODE_ERROR);
    await_finished(&rest);
    deliver_message(longer, sizeof(longer));
    assert_refused(SSL_AD_DECODE_ERROR);
    await_finished(&rest);
    assert_false(handshake_expects(rig.handshake, 20, 65));
    assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    await_finished(&rest);
    handshake_change_cipher_spec(rig.handshake);
    assert_refused(SSL_AD_UNEXPECTED_MESSAGE);
    await_finished(&rest);
    deliver((unsigned char *)rest.bytes + rest.start, buffer_len(&rest));
    assert_int_equal(rig.handshake->state, HANDSHAKE_DONE);
    end();
    buffer_destroy(&rest);
}

/* Freed while its operations wait, and after. */
static void a_handshake_may_end_at_any_time(void **state)
{
    struct buffer bytes = {0};

    (void)state;
    begin();
    run_client();
    take_from_client(&bytes);
    rig.handshake = handshake_begin(rig.service.context,
        (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER,
        buffer_len(&bytes) - RECORD_HEADER, &rig.output);
    assert_non_null(rig.handshake);
    end();
    assert_int_equal(engine_pending(), 0);
    await_key_exchange();
    run_client();
    take_from_client(&bytes);
    handshake_message(rig.handshake,
        (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER,
        RECORD_HEADER - 1 + 1 + 32, true);
    assert_int_equal(rig.handshake->state, HANDSHAKE_AWAITS_KEYS);
    end();
    assert_int_equal(engine_pending(), 0);
    buffer_destroy(&bytes);
}

/* Between hello and signature the service gets other certificates; the rest of the old
 * context is held by the handshake alone. */
static void a_handshake_outlives_a_reload(void **state)
{
    struct buffer bytes = {0};
    struct service fresh;

    (void)state;
    begin();
    run_client();
    take_from_client(&bytes);
    rig.handshake = handshake_begin(rig.service.context,
        (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER,
        buffer_len(&bytes) - RECORD_HEADER, &rig.output);
    assert_non_null(rig.handshake);
    service_make(&fresh, "wlb", "", "P-256");
    context_supersede(rig.service.context, fresh.context);
    service_destroy(&fresh);
    context_free(rig.service.context);
    rig.service.context = NULL;
    settle_keys();
    settle();
    assert_done();
    assert_int_equal(
        EVP_PKEY_get_bits(X509_get0_pubkey(SSL_get0_peer_certificate(rig.client))), 384);
    talk();
    end();
    buffer_destroy(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_group_and_key_shakes_hands),
        cmocka_unit_test(every_signature_scheme_is_used_that_the_client_wants),
        TEST(the_random_value_says_that_more_was_possible),
        TEST(name_and_protocol_are_taken),
        TEST(a_bad_key_exchange_is_refused),
        TEST(a_bad_point_is_refused),
        TEST(a_bad_finished_is_refused),
        TEST(a_handshake_may_end_at_any_time),
        TEST(a_handshake_outlives_a_reload),
    };

    return RUN_WITH_BOTH_ENGINES(tests);
}
