/* Whole handshakes through the engine: many at once, urgent ones, abandoned ones; and the
 * engine started again. */
#include "tests/unit/engine_pairs.h"

#include <stdio.h>

#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/operation.h"

static void handshakes_together_succeed_on_every_group(void **state)
{
    static const char *const groups[] = {"P-384", "P-256", "X25519"};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const size_t certificates[] = {0, 3, 4}; /* of kinds */

    (void)state;
    for (size_t i = 0; i < 3 * 2 * 3; i++) {
        const char *group = groups[i % 3];
        EVP_PKEY *key = new_key(&kinds[certificates[i / 6]]);
        SSL_CTX *server = server_context(key, "X25519:P-256:P-384");
        char offered[64];
        SSL_CTX *client;
        struct pair pairs[PEERS];

        /* In TLS 1.2 the certificate's curve must be offered, too. */
        (void)snprintf(offered, sizeof(offered), "%s%s", group,
            i % 2 == 0 && certificates[i / 6] != 0 ? ":P-384:P-256" : "");
        client = client_context(
            versions[i % 2], strchr(offered, ':') ? "X25519:P-256:P-384" : group);
        for (size_t p = 0; p < PEERS; p++)
            open_pair(&pairs[p], server, client);
        for (size_t round = 0; round < 8; round++) {
            for (size_t p = 0; p < PEERS; p++)
                step(&pairs[p]);
            while (engine_pending() > 0)
                (void)engine_run();
        }
        for (size_t p = 0; p < PEERS; p++) {
            assert_true(is_open(&pairs[p]));
            close_pair(&pairs[p]);
        }
        SSL_CTX_free(server);
        SSL_CTX_free(client);
        EVP_PKEY_free(key);
    }
    while (engine_refill())
        ;
}

/* The client goes away while the server's operation waits, at each possible point. */
static void sessions_are_given_up_while_they_wait(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *clients[2];

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    clients[0] = client_context(TLS1_2_VERSION, "P-384");
    clients[1] = client_context(TLS1_3_VERSION, "P-384");
    for (size_t stop = 0; stop < 2 * 6; stop++) {
        struct pair pairs[PEERS];

        for (size_t p = 0; p < PEERS; p++)
            open_pair(&pairs[p], server, clients[stop % 2]);
        for (size_t round = 0; round < stop / 2; round++) {
            for (size_t p = 0; p < PEERS; p++)
                step(&pairs[p]);
            if (round + 1 < stop / 2)
                (void)engine_run();
        }
        for (size_t p = 0; p < PEERS; p += 2)
            close_pair(&pairs[p]);
        while (engine_pending() > 0)
            (void)engine_run();
        for (size_t round = 0; round < 8; round++) {
            for (size_t p = 1; p < PEERS; p += 2)
                step(&pairs[p]);
            while (engine_pending() > 0)
                (void)engine_run();
        }
        for (size_t p = 1; p < PEERS; p += 2) {
            assert_true(is_open(&pairs[p]));
            close_pair(&pairs[p]);
        }
        assert_int_equal(engine_pending(), 0);
        assert_int_equal(operations_paused(), 0);
    }
    SSL_CTX_free(server);
    SSL_CTX_free(clients[0]);
    SSL_CTX_free(clients[1]);
    EVP_PKEY_free(key);
}

static void urgent_operations_are_done_first_and_if_need_be_alone(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *client;
    struct pair pairs[PEERS];

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    client = client_context(TLS1_2_VERSION, "P-384");
    for (size_t p = 0; p < PEERS; p++)
        open_pair(&pairs[p], server, client);
    for (size_t p = 0; p < 5; p++) {
        pairs[p].urgent = p == 2 || p == 3;
        step(&pairs[p]);
    }
    assert_int_equal(engine_pending(), 5);
    assert_int_equal(engine_pending_urgent(), 2);
    assert_int_equal(engine_fullest(false), 5);
    assert_int_equal(engine_fullest(true), 2);
    close_pair(&pairs[3]);
    assert_int_equal(engine_pending_urgent(), 1);
    assert_int_equal(engine_run_urgent(), 3);
    assert_int_equal(engine_pending_urgent(), 0);
    for (size_t p = 0; p < 5; p++)
        assert_int_equal(pairs[p].awaits_keys, p != 2);
    while (engine_pending() > 0)
        (void)engine_run();
    for (size_t p = 0; p < PEERS; p++)
        if (p != 3)
            close_pair(&pairs[p]);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static void a_session_called_too_early_waits_on(void **state)
{
    EVP_PKEY *key;
    SSL_CTX *server, *client;
    struct pair pair;

    (void)state;
    need_batched();
    key = new_key(&kinds[0]);
    server = server_context(key, "P-384");
    client = client_context(TLS1_3_VERSION, "P-384");
    open_pair(&pair, server, client);
    for (size_t round = 0; round < 20; round++) {
        pair.awaits_keys = false;
        step(&pair);
        if (round > 5)
            (void)engine_run();
    }
    assert_true(is_open(&pair));
    close_pair(&pair);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    EVP_PKEY_free(key);
}

static void no_ephemeral_key_is_used_twice(void **state)
{
    struct key_exchange_key keys[3 * KEY_POOL_DEPTH];

    (void)state;
    need_ours();
    for (size_t g = 0; g < KEY_EXCHANGE_GROUPS; g++) {
        for (size_t i = 0;
             operation_is_ours((enum operation_kind)g) && i < 3 * KEY_POOL_DEPTH; i++) {
            if (i % 5 == 0)
                (void)key_pool_refill();
            assert_true(key_pool_take(&key_exchange_groups[g], &keys[i]));
            for (size_t j = 0; j < i; j++)
                assert_memory_not_equal(keys[i].scalar, keys[j].scalar, 32);
        }
    }
    for (size_t made = 0; key_pool_refill(); made++)
        assert_true(made < 3 * KEY_POOL_DEPTH / LANES);
}

static void the_engine_says_what_it_is(void **state)
{
    (void)state;
    if (engine_is_batched())
        assert_non_null(strstr(engine_description(), "batched (crypto_mb"));
    else
        assert_non_null(strstr(engine_description(),
            engine_libctx() != NULL ? "openssl, P-384 of our own (" : "openssl ("));
}

static void submit(struct operation *operation, enum operation_kind kind,
    struct key_exchange_key *keys, unsigned char *secret)
{
    *operation = (struct operation){.kind = kind,
        .job.exchange = {.own = &keys[0], .peer = &keys[1], .secret = secret}};
    operation_submit(operation, false);
}

/* However many operations of another kind come. */
static void an_operation_that_is_alone_of_its_kind_is_done(void **state)
{
    enum { RUNS_MAX = 20 };
    struct key_exchange_key many[LANES], few[LANES];
    struct operation common[RUNS_MAX][LANES], alone;
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX];

    (void)state;
    if (!engine_is_batched())
        skip();
    assert_true(key_exchange_generate(
        NULL, engine_libctx(), &key_exchange_groups[KEY_EXCHANGE_P384], many));
    assert_true(key_exchange_generate(
        NULL, engine_libctx(), &key_exchange_groups[KEY_EXCHANGE_X25519], few));
    submit(&alone, OPERATION_X25519_DERIVE, few, secret);
    for (int i = 0; i < RUNS_MAX; i++) {
        for (int lane = 0; lane < LANES; lane++)
            submit(&common[i][lane], OPERATION_P384_DERIVE, many, secret);
        (void)engine_run();
    }
    assert_true(alone.done);
    while (engine_pending() > 0)
        (void)engine_run();
}

static void the_engine_starts_again_and_stock_when_told(void **state)
{
    bool was_batched = engine_is_batched();
    struct error err;

    (void)state;
    engine_stop();
    assert_true(engine_start(ENGINE_STOCK, &err));
    assert_false(engine_is_batched());
    assert_null(engine_libctx());
    assert_string_equal(engine_description(), "openssl (as configured)");
    assert_int_equal(engine_pending() + engine_run(), 0);
    assert_false(engine_refill());
    engine_stop();
    assert_int_equal(engine_start(ENGINE_BATCHED, &err), was_batched);
    if (!was_batched)
        assert_non_null(strstr(err.text, "crypto = batched is not possible: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_says_what_it_is),
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
        cmocka_unit_test(sessions_are_given_up_while_they_wait),
        cmocka_unit_test(urgent_operations_are_done_first_and_if_need_be_alone),
        cmocka_unit_test(an_operation_that_is_alone_of_its_kind_is_done),
        cmocka_unit_test(a_session_called_too_early_waits_on),
        cmocka_unit_test(no_ephemeral_key_is_used_twice),
        cmocka_unit_test(the_engine_starts_again_and_stock_when_told),
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
    };
    const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(handshakes_together_succeed_on_every_group),
        cmocka_unit_test(no_ephemeral_key_is_used_twice),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_engine) +
        cmocka_run_group_tests(own_tests, start_own_engine, stop_engine);
}
