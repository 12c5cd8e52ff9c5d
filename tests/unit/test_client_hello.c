#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/client_hello.h"

#define BYTES(literal)                                                                   \
    ((struct bytes){(const unsigned char *)(literal), sizeof(literal) - 1})

/* A message of TLS 1.2 with two suites and two extensions: server_name with "a.b", and
 * supported_groups with 0x0018. */
#define RANDOM "0123456789abcdef0123456789abcdef"
#define NAME                                                                             \
    "\0\0\0\x08\0\x06\0\0\x03"                                                           \
    "a.b"
#define GROUPS "\0\x0a\0\x04\0\x02\0\x18"
#define BODY                                                                             \
    "\3\3" RANDOM "\2id"                                                                 \
    "\0\4\xc0\x30\x13\1"                                                                 \
    "\1\0"                                                                               \
    "\0\x14" NAME GROUPS
#define MESSAGE "\1\0\0\x43" BODY

static void numbers_and_vectors_are_taken_off_the_front(void **state)
{
    struct bytes all = BYTES("\x01\x02\x03\0\2xyz"), taken;
    uint32_t value;
    uint16_t two;

    (void)state;
    assert_true(bytes_number(&all, 3, &value) && value == 0x010203);
    assert_true(bytes_vector(&all, 2, &taken) && taken.len == 2);
    assert_memory_equal(taken.at, "xy", 2);
    assert_false(bytes_copy(&all, &two, sizeof(two)));
    assert_int_equal(all.len, 0); /* the rest was taken */
    assert_false(bytes_number(&all, 1, &value));
    assert_int_equal(value, 0);
    all = (struct bytes){0};
    assert_true(bytes_take(&all, 0, &taken));
    assert_false(bytes_vector(&all, 1, &taken));
    assert_int_equal(taken.len, 0);
}

static void a_vector_that_is_cut_is_what_there_is_of_it(void **state)
{
    struct bytes all = BYTES("\5abc"), taken;

    (void)state;
    assert_false(bytes_vector(&all, 1, &taken));
    assert_int_equal(taken.len, 3);
    assert_false(bytes_are_vector(BYTES("\0"), 1, &taken));
    assert_false(bytes_are_vector(BYTES("\1ab"), 1, &taken));
    assert_true(bytes_are_vector(BYTES("\2ab"), 1, &taken));
}

static void the_parts_of_a_hello_are_found(void **state)
{
    struct client_hello hello;
    struct bytes body, name;
    uint16_t type;

    (void)state;
    assert_true(client_hello_read_message(&hello, BYTES(MESSAGE)));
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_memory_equal(hello.random.at, RANDOM, CLIENT_HELLO_RANDOM);
    assert_int_equal(hello.session_id.len, 2);
    assert_int_equal(hello.suites.len, 4);
    assert_int_equal(hello.compressions.len, 1);
    assert_int_equal(hello.rest.len, 0);
    assert_true(client_hello_next_extension(&hello.extensions, &type, &body));
    assert_int_equal(type, CLIENT_HELLO_SERVER_NAME);
    assert_true(client_hello_host_name(body, &name));
    assert_int_equal(name.len, 3);
    assert_memory_equal(name.at, "a.b", 3);
    assert_true(client_hello_next_extension(&hello.extensions, &type, &body));
    assert_int_equal(type, CLIENT_HELLO_GROUPS);
    assert_false(client_hello_next_extension(&hello.extensions, &type, &body));
}

/* Each one is in memory of exactly its size, so that a sanitizer detects reading beyond
 * it. */
static void a_hello_that_is_cut_anywhere_is_not_whole(void **state)
{
    struct bytes whole = BYTES(MESSAGE);

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        unsigned char *part = malloc(len + 1);
        struct client_hello hello;
        struct bytes body;
        uint16_t type;

        memcpy(part, whole.at, len);
        assert_false(client_hello_read_message(&hello, (struct bytes){part, len}));
        while (client_hello_next_extension(&hello.extensions, &type, &body))
            assert_true(body.at + body.len <= part + len);
        free(part);
    }
}

static void only_one_plain_name_is_a_host_name(void **state)
{
    const struct bytes wrong[] = {BYTES(""), BYTES("\0\0"), BYTES("\0\3\0\0\0"),
        BYTES("\0\4\1\0\1a"), BYTES("\0\4\0\0\1a!"), BYTES("\0\5\0\0\1ab"),
        BYTES("\0\4\0\0\1\0"), BYTES("\0\4\0\0\2a")};
    struct bytes name;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(client_hello_host_name(wrong[i], &name));
    assert_true(client_hello_host_name(BYTES("\0\4\0\0\1a"), &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_vectors_are_taken_off_the_front),
        cmocka_unit_test(a_vector_that_is_cut_is_what_there_is_of_it),
        cmocka_unit_test(the_parts_of_a_hello_are_found),
        cmocka_unit_test(a_hello_that_is_cut_anywhere_is_not_whole),
        cmocka_unit_test(only_one_plain_name_is_a_host_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
