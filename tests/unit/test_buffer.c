#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/buffer.h"

static void bytes_leave_in_the_order_they_came(void **state)
{
    struct buffer b = {0};
    unsigned char next_in = 0, next_out = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        unsigned char some[97];

        for (size_t k = 0; k < sizeof(some); k++)
            some[k] = next_in++;
        buffer_append(&b, some, sizeof(some));
        for (int k = 0; k < 90; k++) {
            assert_int_equal((unsigned char)buffer_data(&b)[0], next_out++);
            buffer_consume(&b, 1);
        }
    }
    assert_int_equal(buffer_len(&b), 2000 * 7);
    assert_true(b.capacity <= 32 * 1024);
    buffer_destroy(&b);
}

static void nothing_may_be_appended(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b);
    buffer_append(&b, NULL, 0);
    assert_int_equal(buffer_len(&b), 0);
    buffer_destroy(&b);
}

static void text_is_formatted_at_the_end(void **state)
{
    struct buffer b = {0};

    (void)state;
    buffer_append_text(&b, "Content-Length: ");
    buffer_printf(&b, "%d\r\n", 12345);
    assert_int_equal(buffer_len(&b), 23);
    assert_memory_equal(buffer_data(&b), "Content-Length: 12345\r\n", 23);
    buffer_destroy(&b);
}

static void reserved_room_counts_when_committed(void **state)
{
    struct buffer b = {0};

    (void)state;
    memcpy(buffer_reserve(&b, 1000), "abc", 3);
    assert_int_equal(buffer_len(&b), 0);
    buffer_commit(&b, 3);
    assert_int_equal(buffer_len(&b), 3);
    assert_memory_equal(buffer_data(&b), "abc", 3);
    buffer_destroy(&b);
}

static void only_an_empty_large_one_gives_memory_back(void **state)
{
    struct buffer b = {0};

    (void)state;
    buffer_reserve(&b, 2 * BUFFER_KEEP);
    buffer_append_text(&b, "x");
    buffer_shrink(&b, BUFFER_KEEP);
    assert_int_equal(buffer_len(&b), 1);
    buffer_consume(&b, 1);
    buffer_shrink(&b, BUFFER_KEEP);
    assert_null(b.bytes);
    buffer_append_text(&b, "y");
    buffer_clear(&b);
    buffer_shrink(&b, BUFFER_KEEP);
    assert_non_null(b.bytes);
    buffer_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_leave_in_the_order_they_came),
        cmocka_unit_test(nothing_may_be_appended),
        cmocka_unit_test(text_is_formatted_at_the_end),
        cmocka_unit_test(reserved_room_counts_when_committed),
        cmocka_unit_test(only_an_empty_large_one_gives_memory_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
