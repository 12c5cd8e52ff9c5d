/* The secrets and the messages of TLS 1.2 as pure functions. */
#include "tests/unit/engine_rig.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "proxy/crypto/prf.h"
#include "proxy/tls/native/messages12.h"

/* Test vector of the IETF TLS list for P_SHA256, 2009. */
static void the_prf_gives_the_published_bytes(void **state)
{
    static const unsigned char secret[] = {0x9b, 0xbe, 0x43, 0x6b, 0xa9, 0x40, 0xf0, 0x17,
        0xb1, 0x76, 0x52, 0x84, 0x9a, 0x71, 0xdb, 0x35};
    static const unsigned char seed[] = {0xa0, 0xba, 0x9f, 0x93, 0x6c, 0xda, 0x31, 0x18,
        0x27, 0xa6, 0xf7, 0x96, 0xff, 0xd5, 0x19, 0x8c};
    static const unsigned char expected[] = {0xe3, 0xf2, 0x29, 0xba, 0x72, 0x7b, 0xe1,
        0x7b, 0x8d, 0x12, 0x26, 0x20, 0x55, 0x7c, 0xd4, 0x53, 0xc2, 0xaa, 0xb2, 0x1d,
        0x07, 0xc3, 0xd4, 0x95, 0x32, 0x9b, 0x52, 0xd4, 0xe6, 0x1e, 0xdb, 0x5a, 0x6b,
        0x30, 0x17, 0x91, 0xe9, 0x0d, 0x35, 0xc9, 0xc9, 0xa4, 0x6b, 0x4e, 0x14, 0xba,
        0xf9, 0xaf, 0x0f, 0xa0, 0x22, 0xf7, 0x07, 0x7d, 0xef, 0x17, 0xab, 0xfd, 0x37,
        0x97, 0xc0, 0x56, 0x4b, 0xab, 0x4f, 0xbc, 0x91, 0x66, 0x6e, 0x9d, 0xef, 0x9b,
        0x97, 0xfc, 0xe3, 0x4f, 0x79, 0x67, 0x89, 0xba, 0xa4, 0x80, 0x82, 0xd1, 0x22,
        0xee, 0x42, 0xc5, 0xa7, 0x2e, 0x5a, 0x51, 0x10, 0xff, 0xf7, 0x01, 0x87, 0x34,
        0x7b, 0x66};
    const struct digest_part parts[] = {{"test label", 10}, {seed, sizeof(seed)}};
    unsigned char out[sizeof(expected)];
    struct digest_key key;

    (void)state;
    digest_key_init(&key, digest_find("SHA2-256"), secret, sizeof(secret));
    prf(&key, parts, 2, out, sizeof(out));
    assert_memory_equal(out, expected, sizeof(out));
}

/* The same by OpenSSL's own provider. */
static void openssl_prf(const char *digest, const unsigned char *secret,
    size_t secret_len, const char *label, const unsigned char *seed, size_t seed_len,
    unsigned char *out, size_t len)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SECRET, (void *)secret, secret_len),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SEED, (void *)label, strlen(label)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)seed, seed_len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

    assert_int_equal(EVP_KDF_derive(context, out, len, params), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static void secrets_are_those_of_openssl(void **state)
{
    static const char *const names[] = {"SHA2-256", "SHA2-384"};
    unsigned char premaster[48], master[48], randoms[64], swapped[64], hash[64];
    unsigned char ours[200], theirs[200];

    (void)state;
    memset(premaster, 7, sizeof(premaster));
    for (size_t i = 0; i < sizeof(randoms); i++)
        swapped[(i + 32) % 64] = randoms[i] = hash[i] = (unsigned char)(3 * i + 1);
    for (size_t i = 0; i < 2; i++) {
        const struct digest *digest = digest_find(names[i]);
        struct digest_key key;

        master_secret_12(
            digest, (struct digest_part){premaster, sizeof(premaster)}, hash, master);
        digest_key_init(&key, digest, master, sizeof(master));
        openssl_prf(names[i], premaster, sizeof(premaster), "extended master secret",
            hash, digest->len, theirs, 48);
        assert_memory_equal(master, theirs, 48);
        for (size_t len = 1; len < sizeof(ours); len++) {
            key_block_12(&key, randoms, randoms + 32, ours, len);
            openssl_prf(names[i], master, 48, "key expansion", swapped, 64, theirs, len);
            assert_memory_equal(ours, theirs, len);
        }
        verify_data_12(&key, true, hash, ours);
        openssl_prf(
            names[i], master, 48, "client finished", hash, digest->len, theirs, 12);
        assert_memory_equal(ours, theirs, 12);
        verify_data_12(&key, false, hash, ours);
        openssl_prf(
            names[i], master, 48, "server finished", hash, digest->len, theirs, 12);
        assert_memory_equal(ours, theirs, 12);
    }
}

static void a_server_hello_answers_everything_in_order(void **state)
{
    static const unsigned char random[RANDOM_12] = {1, 2, 3};
    static const unsigned char id[] = {0xaa, 0xbb};
    static const unsigned char tail[] = {2, 0xaa, 0xbb, 0xc0, 0x30, 0, 0, 34, 0xff, 1, 0,
        1, 0, 0, 11, 0, 2, 1, 0, 0, 35, 0, 0, 0, 16, 0, 11, 0, 9, 8, 'h', 't', 't', 'p',
        '/', '1', '.', '1', 0, 23, 0, 0};
    unsigned char message[SERVER_HELLO_12_MAX];
    const struct server_hello_12 hello = {.random = random,
        .session_id = id,
        .session_id_len = 2,
        .suite = 0xc030,
        .renegotiation = true,
        .point_formats = true,
        .ticket = true,
        .extended_master_secret = true,
        .alpn = (const unsigned char *)"http/1.1",
        .alpn_len = 8};
    size_t len = server_hello_12(&hello, message);

    (void)state;
    assert_int_equal(len, 4 + 2 + 32 + sizeof(tail));
    assert_memory_equal(message, "\2\0\0\x4c\3\3", 6);
    assert_memory_equal(message + 6, random, sizeof(random));
    assert_memory_equal(message + 38, tail, sizeof(tail));
}

static void a_server_hello_answers_nothing_that_was_not_asked(void **state)
{
    static const unsigned char random[RANDOM_12];
    unsigned char message[SERVER_HELLO_12_MAX];
    const struct server_hello_12 hello = {.random = random, .suite = 0xc02f};

    (void)state;
    assert_int_equal(server_hello_12(&hello, message), 4 + 2 + 32 + 1 + 2 + 1);
    assert_memory_equal(message + 38, "\0\xc0\x2f\0", 4);
}

static void the_longest_server_hello_fits(void **state)
{
    static const unsigned char bytes[255];
    unsigned char message[SERVER_HELLO_12_MAX];
    const struct server_hello_12 hello = {
        bytes, bytes, 32, 0, true, true, true, true, bytes, 255};

    (void)state;
    assert_true(server_hello_12(&hello, message) <= sizeof(message));
}

static void the_other_messages_have_their_form(void **state)
{
    static const unsigned char parameters[] = {3, 0, 24, 1, 9};
    static const unsigned char verify_data[VERIFY_DATA_12] = {1};
    unsigned char message[SERVER_KEY_EXCHANGE_12_MAX];

    (void)state;
    assert_int_equal(server_key_exchange_12(parameters, sizeof(parameters), 0x0401,
                         (const unsigned char *)"sig", 3, message),
        16);
    assert_memory_equal(message, "\x0c\0\0\x0c\3\0\x18\1\x09\4\1\0\3sig", 16);
    assert_int_equal(server_hello_done_12(message), 4);
    assert_memory_equal(message, "\x0e\0\0\0", 4);
    assert_int_equal(
        new_session_ticket_12(7200, (const unsigned char *)"tic", 3, message), 13);
    assert_memory_equal(message, "\4\0\0\x09\0\0\x1c\x20\0\3tic", 13);
    assert_int_equal(finished_12(verify_data, message), 16);
    assert_memory_equal(message, "\x14\0\0\x0c\1\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void exchange_parameters_name_curve_and_point(void **state)
{
    unsigned char parameters[PARAMETERS_12_MAX];
    const struct key_exchange_group *group = &key_exchange_groups[KEY_EXCHANGE_P384];
    const struct key_exchange_key key = {.x = {1}, .y = {2}};

    (void)state;
    assert_int_equal(exchange_parameters_12(group, &key, parameters), 4 + 97);
    assert_memory_equal(parameters, "\3\0\x18\x61\4", 5);
    assert_int_equal(parameters[4 + 48], 1);
    assert_int_equal(parameters[4 + 96], 2);
}

static void a_client_key_exchange_is_one_vector_and_nothing_else(void **state)
{
    const unsigned char *point;
    size_t len;

    (void)state;
    assert_true(client_key_exchange_12((const unsigned char *)"\3abc", 4, &point, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(point, "abc", 3);
    assert_true(client_key_exchange_12((const unsigned char *)"\0", 1, &point, &len));
    assert_int_equal(len, 0);
    assert_false(client_key_exchange_12(NULL, 0, &point, &len));
    assert_false(
        client_key_exchange_12((const unsigned char *)"\3abcd", 5, &point, &len));
    assert_false(client_key_exchange_12((const unsigned char *)"\3ab", 3, &point, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prf_gives_the_published_bytes),
        cmocka_unit_test(secrets_are_those_of_openssl),
        cmocka_unit_test(a_server_hello_answers_everything_in_order),
        cmocka_unit_test(a_server_hello_answers_nothing_that_was_not_asked),
        cmocka_unit_test(the_longest_server_hello_fits),
        cmocka_unit_test(the_other_messages_have_their_form),
        cmocka_unit_test(exchange_parameters_name_curve_and_point),
        cmocka_unit_test(a_client_key_exchange_is_one_vector_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, start_sealing_engine, stop_engine);
}
