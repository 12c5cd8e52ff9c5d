/* Secrets take no part in timing. Valgrind is told that they are undefined, and reports
 * every branch and every address that depends on one; timing.supp has those that may, the
 * verdicts themselves. P-384's arithmetic is in test_p384 --timing. */
#include "tests/unit/native_rig.h"

#include "proxy/crypto/ecdsa_check.h"
#include "proxy/crypto/limbs.h"
#include "proxy/crypto/padding.h"
#include "proxy/crypto/signing.h"
#include "proxy/tls/native/handshake.h"
#include "proxy/tls/native/keys12.h"
#include "proxy/tls/native/schedule.h"
#include "proxy/tls/native/ticket.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_MAKE_MEM_UNDEFINED
#define VALGRIND_MAKE_MEM_UNDEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(at, len) ((void)(at), (void)(len))
#endif

enum { FINISHED = 20, MESSAGE_HEADER = 4, RECORD_HEADER = 5 };

static void hide(void *secret, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

static void show(void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

/* --- a handshake without a record layer ---------------------------------- */

static bool take_messages(
    struct handshake_output *output, const unsigned char *bytes, size_t len)
{
    (void)output, (void)bytes, (void)len;
    return true;
}

static bool take_change(struct handshake_output *output)
{
    (void)output;
    return true;
}

static bool take_keys(struct handshake_output *output, const struct handshake_keys *keys)
{
    (void)output, (void)keys;
    return true;
}

static void take_news(struct handshake_output *output)
{
    (void)output;
}

static struct handshake_output output = {.messages = take_messages,
    .change_cipher_spec = take_change,
    .keys_in = take_keys,
    .keys_out = take_keys,
    .told = take_news};

static SSL_SESSION *session_of(int version, const char *suite)
{
    SSL_SESSION *session;

    begin();
    SSL_set_max_proto_version(client.ssl, version);
    SSL_set_ciphersuites(client.ssl, suite);
    shake(1000);
    assert_open();
    talk();
    session = SSL_get1_session(client.ssl);
    assert_true(SSL_SESSION_has_ticket(session));
    SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    end();
    return session;
}

static struct handshake *go_on(struct handshake *handshake)
{
    assert_non_null(handshake);
    while (handshake->state == HANDSHAKE_AWAITS_KEYS) {
        if (handshake_keys_are_ready(handshake))
            handshake_go_on(handshake);
        else
            engine_run();
    }
    return handshake;
}

/* The server's side, after the ClientHello. `hidden` bytes at its end are secret, and the
 * last bit is wrong if `wrong`. */
static struct handshake *answer(
    SSL_SESSION *session, int version, const char *suite, size_t hidden, bool wrong)
{
    struct handshake *handshake;
    char *bytes;
    size_t len;

    begin();
    SSL_set_max_proto_version(client.ssl, version);
    SSL_set_ciphersuites(client.ssl, suite);
    if (session != NULL)
        SSL_set_session(client.ssl, session);
    run_client();
    len = (size_t)BIO_get_mem_data(client.out, &bytes);
    assert_true(len > RECORD_HEADER + hidden);
    bytes[len - 1] ^= wrong;
    hide(bytes + len - hidden, hidden);
    handshake = handshake_begin(service.context,
        (const unsigned char *)bytes + RECORD_HEADER, len - RECORD_HEADER, &output);
    go_on(handshake);
    show(bytes, len);
    return handshake;
}

static void leave(struct handshake *handshake)
{
    handshake_free(handshake);
    end();
}

static const struct {
    const char *name;
    size_t len; /* of its digest */
} suites[] = {{"TLS_AES_128_GCM_SHA256", 32}, {"TLS_AES_256_GCM_SHA384", 48}};

static void a_binder_takes_no_part_in_timing(void **state)
{
    (void)state;
    open_service("", "P-256");
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = session_of(TLS1_3_VERSION, suites[i].name);

        for (int wrong = 0; wrong < 2; wrong++) {
            struct handshake *handshake =
                answer(session, TLS1_3_VERSION, suites[i].name, suites[i].len, wrong);

            assert_int_equal(handshake->state == HANDSHAKE_FAILED, wrong);
            if (wrong)
                assert_int_equal(handshake->alert, SSL_AD_DECRYPT_ERROR);
            else
                assert_true(handshake->resumed);
            leave(handshake);
        }
        SSL_SESSION_free(session);
    }
    close_service();
}

/* A wrong one is compared as a right one would be. */
static void say_finished(struct handshake *handshake, size_t len)
{
    unsigned char message[MESSAGE_HEADER + DIGEST_MAX] = {FINISHED, 0, 0};

    message[MESSAGE_HEADER - 1] = (unsigned char)len;
    assert_true(handshake_expects(handshake, FINISHED, len));
    hide(message + MESSAGE_HEADER, len);
    handshake_message(handshake, message, MESSAGE_HEADER + len, true);
    assert_int_equal(handshake->state, HANDSHAKE_FAILED);
    assert_int_equal(handshake->alert, SSL_AD_DECRYPT_ERROR);
}

static void a_finished_takes_no_part_in_timing(void **state)
{
    SSL_SESSION *session;
    struct handshake *handshake;

    (void)state;
    open_service("", "P-256");
    for (size_t i = 0; i < 2; i++) {
        handshake = answer(NULL, TLS1_3_VERSION, suites[i].name, 0, false);
        say_finished(handshake, suites[i].len);
        leave(handshake);
    }
    session = session_of(TLS1_2_VERSION, suites[0].name);
    handshake = answer(session, TLS1_2_VERSION, suites[0].name, 0, false);
    assert_true(handshake->resumed);
    handshake_change_cipher_spec(handshake);
    say_finished(handshake, VERIFY_DATA_12);
    leave(handshake);
    SSL_SESSION_free(session);
    close_service();
}

/* The key in sealing; the tag in opening. */
static void a_ticket_takes_no_part_in_timing(void **state)
{
    static struct ticket_keys keys;
    unsigned char salt[TICKET_SALT] = {1}, sealed[TICKET_LEN];
    struct ticket ticket = {.version = TLS1_3_VERSION, .secret_len = 32}, opened;

    (void)state;
    keys.count = 1;
    memset(&keys.keys[0], 7, sizeof(keys.keys[0]));
    hide(keys.keys[0].native, sizeof(keys.keys[0].native));
    hide(ticket.secret, sizeof(ticket.secret));
    assert_true(ticket_seal(&keys, &ticket, salt, sealed));
    show(&keys, sizeof(keys));
    show(sealed, sizeof(sealed));
    for (int wrong = 0; wrong < 2; wrong++) {
        unsigned char *tag = sealed + TICKET_LEN - RECORD_TAG;

        tag[0] ^= (unsigned char)wrong;
        hide(tag, RECORD_TAG);
        (void)ticket_open(&keys, 0, sealed, sizeof(sealed), &opened);
        show(tag, RECORD_TAG);
    }
}

static void the_key_schedules_take_no_part_in_timing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct digest *digest = digest_find(i == 0 ? "SHA2-256" : "SHA2-384");
        unsigned char secret[DIGEST_MAX] = {9}, data[DIGEST_MAX], block[128];
        struct schedule schedule;
        struct digest_key master;

        hide(secret, sizeof(secret));
        schedule_begin(&schedule, digest, secret);
        schedule_enter(&schedule, secret, 32);
        schedule_enter(&schedule, NULL, 0);
        schedule_derive(&schedule, "c ap traffic", digest->of_nothing, data);
        schedule_verify_data(digest, data, digest->of_nothing, data);
        schedule_psk(digest, data, (const unsigned char *)"", 1, data);
        master_secret_12(
            digest, (struct digest_part){secret, 32}, digest->of_nothing, block);
        digest_key_init(&master, digest, block, MASTER_12);
        key_block_12(&master, secret, secret, block, sizeof(block));
        verify_data_12(&master, true, digest->of_nothing, data);
        digest_key_wipe(&master);
    }
}

/* --- what the signer does ------------------------------------------------ */

static void the_padding_of_rsa_takes_no_part_in_timing(void **state)
{
    static const char *const digests[] = {"SHA2-256", "SHA2-384", "SHA2-512"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct digest *digest = digest_find(digests[i]);
        unsigned char hash[DIGEST_MAX] = {3}, block[512];

        hide(hash, sizeof(hash));
        for (size_t len = 256; len <= sizeof(block); len += 128) {
            assert_true(padding_pkcs1(digest, hash, block, len));
            assert_true(padding_pss(digest, NULL, hash, block, len));
        }
    }
}

static void numbers_are_compared_in_no_time_of_their_own(void **state)
{
    uint64_t a[6] = {5, 0, 0, 0, 0, 1}, b[6] = {4, 0, 0, 0, 0, 1};
    bool less, zero;

    (void)state;
    hide(a, sizeof(a));
    less = limbs_less(a, b, 6);
    zero = limbs_are_zero(a, 6);
    show(&less, sizeof(less));
    show(&zero, sizeof(zero));
    assert_false(less || zero);
}

/* A library that never signs: OpenSSL does it then, with the key itself. */
static lane_status never_sign(bytes_out r, bytes_out s, bytes_in digest, limbs_in nonce,
    limbs_in scalar, uint8_t *unused)
{
    (void)r, (void)s, (void)digest, (void)nonce, (void)scalar, (void)unused;
    return ~(lane_status)0;
}

static const void *no_method(int bits)
{
    (void)bits;
    return NULL;
}

static int no_scratch(const void *method)
{
    (void)method;
    return 8;
}

static const struct multibuffer idle_library = {.p256_ecdsa = never_sign,
    .p384_ecdsa = never_sign,
    .rsa_private_method = no_method,
    .rsa_scratch_len = no_scratch};

static void a_nonce_takes_no_part_in_timing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = EVP_EC_gen(i == 0 ? "P-256" : "P-384");
        uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX] = {1};
        unsigned char digest[48] = {2}, signature[SIGNATURE_MAX];
        struct signing_key signing = {
            .curve = &key_exchange_groups[i == 0 ? KEY_EXCHANGE_P256 : KEY_EXCHANGE_P384],
            .bits = EVP_PKEY_get_bits(key),
            .scalar = scalar,
            .alone = signing_context_alone(key),
            .check = signing_context_check(key)};
        struct signing_job job = {
            &signing, digest, sizeof(digest), 0, signature, 0, false};

        hide(scalar, sizeof(scalar));
        signing_ecdsa(&job, 1);
        assert_true(job.ok);
        EVP_PKEY_CTX_free(signing.alone);
        EVP_PKEY_CTX_free(signing.check);
        EVP_PKEY_free(key);
    }
}

/* Neither the key nor the nonce of a signature that is checked. P-256's multiplication of
 * the generator is OpenSSL's, which gets the whole number whatever it is. */
static void the_check_of_a_signature_takes_no_part_in_timing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = EVP_EC_gen(i == 0 ? "P-256" : "P-384");
        EVP_PKEY_CTX *context = signing_context_alone(key);
        struct ecdsa_check *check = ecdsa_check_new(
            &key_exchange_groups[i == 0 ? KEY_EXCHANGE_P256 : KEY_EXCHANGE_P384], key);
        unsigned char digest[48] = {2}, signature[SIGNATURE_MAX];
        size_t len = sizeof(signature);
        bool passes;

        assert_int_equal(
            EVP_PKEY_sign(context, signature, &len, digest, sizeof(digest)), 1);
        hide(check->shares, sizeof(check->shares));
        passes = ecdsa_check_passes(check, digest, sizeof(digest), signature, len);
        show(&passes, sizeof(passes));
        assert_true(passes);
        ecdsa_check_free(check);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
    }
}

static int start_idle_library(void **state)
{
    (void)state;
    return signing_start(&idle_library, NULL) ? 0 : -1;
}

static int stop_idle_library(void **state)
{
    (void)state;
    signing_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest handshakes[] = {
        cmocka_unit_test(a_binder_takes_no_part_in_timing),
        cmocka_unit_test(a_finished_takes_no_part_in_timing),
        cmocka_unit_test(a_ticket_takes_no_part_in_timing),
        cmocka_unit_test(the_key_schedules_take_no_part_in_timing),
        cmocka_unit_test(the_padding_of_rsa_takes_no_part_in_timing),
    };
    const struct CMUnitTest signatures[] = {
        cmocka_unit_test(numbers_are_compared_in_no_time_of_their_own),
        cmocka_unit_test(a_nonce_takes_no_part_in_timing),
        cmocka_unit_test(the_check_of_a_signature_takes_no_part_in_timing),
    };

    return cmocka_run_group_tests(handshakes, start_own_engine, stop_service_engine) +
        cmocka_run_group_tests(signatures, start_idle_library, stop_idle_library);
}
