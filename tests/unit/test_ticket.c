/* Session tickets in our own format. */
#include "tests/unit/engine_rig.h"

#include <string.h>

#include "certstore/context.h"
#include "proxy/tls/native/ticket.h"

static struct ticket_keys keys;
static const struct ticket session = {.version = 0x0303,
    .suite = 0xc030,
    .group = 24,
    .age_add = 0x80000001,
    .secret_len = 48,
    .secret = "a master secret is forty-eight bytes of it, yes",
    .bond = {.began = 1800000000, .ends = 7, .binding = "the policy", .host = "a name"}};
static const uint64_t now = 1800000000;
static const unsigned char salt[TICKET_SALT] = "sixteen of them";

static int make_keys(void **state)
{
    (void)state;
    keys.count = 2;
    for (unsigned i = 0; i < TICKET_KEYS_MAX; i++)
        memset(&keys.keys[i], (int)i + 1, offsetof(struct ticket_key, ends));
    return 0;
}

static void seal(unsigned char sealed[TICKET_LEN])
{
    assert_true(ticket_seal(&keys, &session, salt, sealed));
}

static void assert_unknown(const unsigned char *sealed, size_t len)
{
    static const struct ticket nothing;
    struct ticket ticket = session;

    assert_int_equal(ticket_open(&keys, now, sealed, len, &ticket), TICKET_UNKNOWN);
    assert_memory_equal(&ticket, &nothing, sizeof(ticket));
}

static void a_ticket_holds_what_was_put_in(void **state)
{
    unsigned char sealed[TICKET_LEN];
    struct ticket ticket;

    (void)state;
    seal(sealed);
    assert_int_equal(
        ticket_open(&keys, now, sealed, sizeof(sealed), &ticket), TICKET_OPENED);
    assert_int_equal(ticket.version, session.version);
    assert_int_equal(ticket.suite, session.suite);
    assert_int_equal(ticket.group, session.group);
    assert_int_equal(ticket.age_add, session.age_add);
    assert_int_equal(ticket.secret_len, session.secret_len);
    assert_memory_equal(ticket.secret, session.secret, sizeof(session.secret));
    assert_memory_equal(&ticket.bond, &session.bond, sizeof(session.bond));
}

static void nothing_of_it_is_readable(void **state)
{
    unsigned char sealed[TICKET_LEN], other[TICKET_LEN], salt_2[TICKET_SALT] = "another";

    (void)state;
    seal(sealed);
    assert_null(memmem(sealed, sizeof(sealed), session.secret, 4));
    assert_null(memmem(sealed, sizeof(sealed), session.bond.binding, 4));
    assert_true(ticket_seal(&keys, &session, salt_2, other));
    for (size_t i = 16; i + 8 <= TICKET_LEN; i++) /* after the name nothing repeats */
        assert_memory_not_equal(sealed + i, other + i, 8);
}

static void a_changed_bit_anywhere_spoils_it(void **state)
{
    unsigned char sealed[TICKET_LEN];

    (void)state;
    seal(sealed);
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_unknown(sealed, sizeof(sealed));
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void another_length_is_no_ticket(void **state)
{
    unsigned char sealed[TICKET_LEN + 1] = {0};

    (void)state;
    seal(sealed);
    for (size_t len = 0; len <= sizeof(sealed); len++) {
        if (len != TICKET_LEN)
            assert_unknown(sealed, len);
    }
}

static void keys_rotate(void **state)
{
    unsigned char sealed[TICKET_LEN];
    struct ticket ticket;

    (void)state;
    seal(sealed);
    keys.keys[1] = keys.keys[0];
    memset(&keys.keys[0], 0x77, offsetof(struct ticket_key, ends));
    assert_int_equal(ticket_open(&keys, now, sealed, sizeof(sealed), &ticket),
        TICKET_OPENED_BY_OLD_KEY);
    assert_memory_equal(ticket.secret, session.secret, sizeof(session.secret));
    keys.count = 1;
    assert_unknown(sealed, sizeof(sealed));
    keys.count = 0;
    assert_false(ticket_is_possible(&keys, now));
    assert_unknown(sealed, sizeof(sealed));
    assert_false(ticket_is_possible(NULL, now));
}

/* The same name with a different key, for example of another master. */
static void a_name_alone_opens_nothing(void **state)
{
    unsigned char sealed[TICKET_LEN];

    (void)state;
    seal(sealed);
    keys.keys[0].native[31] ^= 1;
    assert_unknown(sealed, sizeof(sealed));
}

/* OpenSSL's tickets begin with the key's name unchanged. */
static void names_differ_from_those_of_openssl(void **state)
{
    unsigned char sealed[TICKET_LEN];

    (void)state;
    seal(sealed);
    assert_memory_not_equal(sealed, keys.keys[0].name, sizeof(keys.keys[0].name));
    memcpy(sealed, keys.keys[0].name, sizeof(keys.keys[0].name));
    assert_unknown(sealed, sizeof(sealed));
}

static void a_key_that_has_ended_neither_opens_nor_seals(void **state)
{
    unsigned char sealed[TICKET_LEN];

    (void)state;
    seal(sealed);
    keys.keys[0].ends = now;
    assert_unknown(sealed, sizeof(sealed));
    assert_false(ticket_is_possible(&keys, now));
    assert_true(ticket_is_possible(&keys, now - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_ticket_holds_what_was_put_in, make_keys),
        cmocka_unit_test_setup(nothing_of_it_is_readable, make_keys),
        cmocka_unit_test_setup(a_changed_bit_anywhere_spoils_it, make_keys),
        cmocka_unit_test_setup(another_length_is_no_ticket, make_keys),
        cmocka_unit_test_setup(keys_rotate, make_keys),
        cmocka_unit_test_setup(a_name_alone_opens_nothing, make_keys),
        cmocka_unit_test_setup(names_differ_from_those_of_openssl, make_keys),
        cmocka_unit_test_setup(a_key_that_has_ended_neither_opens_nor_seals, make_keys),
    };

    return cmocka_run_group_tests(tests, start_sealing_engine, stop_engine);
}
