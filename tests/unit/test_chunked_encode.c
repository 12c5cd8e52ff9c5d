#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/buffer.h"
#include "proxy/http/chunked_encode.h"
#include "proxy/http/error_reply.h"

static bool part(struct framing *f, size_t len, const char *before, const char *after)
{
    char in_front[FRAMING_OVERHEAD], behind[FRAMING_OVERHEAD];
    size_t clients_len, behind_len;
    bool fits = framing_part(f, len, in_front, &clients_len, behind, &behind_len);

    assert_int_equal(clients_len, strlen(before));
    assert_memory_equal(in_front, before, clients_len);
    assert_int_equal(behind_len, strlen(after));
    assert_memory_equal(behind, after, behind_len);
    return fits;
}

static void chunks_carry_their_size(void **state)
{
    struct framing f = {.kind = BODY_CHUNKED};

    (void)state;
    assert_true(part(&f, 1, "1\r\n", "\r\n"));
    assert_true(part(&f, 0x10, "10\r\n", "\r\n"));
    assert_true(part(&f, 0xabcdef, "abcdef\r\n", "\r\n"));
    assert_true(part(&f, SIZE_MAX, "ffffffffffffffff\r\n", "\r\n"));
    assert_string_equal(framing_end(&f), "0\r\n\r\n");
}

static void an_empty_part_does_not_end_a_chunked_body(void **state)
{
    struct framing f = {.kind = BODY_CHUNKED};

    (void)state;
    assert_true(part(&f, 0, "", ""));
}

static void a_length_is_neither_exceeded_nor_missed(void **state)
{
    struct framing f = {.kind = BODY_LENGTH, .left = 5};

    (void)state;
    assert_true(part(&f, 3, "", ""));
    assert_null(framing_end(&f));
    assert_false(part(&f, 3, "", ""));
    assert_true(part(&f, 2, "", ""));
    assert_string_equal(framing_end(&f), "");
    assert_false(part(&f, 1, "", ""));
}

static void no_body_takes_no_bytes(void **state)
{
    struct framing f = {.kind = BODY_NONE};

    (void)state;
    assert_false(part(&f, 1, "", ""));
    assert_true(part(&f, 0, "", ""));
    assert_string_equal(framing_end(&f), "");
}

static void a_body_until_the_end_is_left_alone(void **state)
{
    struct framing f = {.kind = BODY_TO_END};

    (void)state;
    assert_true(part(&f, 1000000, "", ""));
    assert_string_equal(framing_end(&f), "");
}

static void an_error_reply_has_a_length_and_closes(void **state)
{
    static const char head[] = "HTTP/1.1 502 Bad Gateway\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 14\r\n"
                               "Cache-Control: no-store\r\n"
                               "Connection: close\r\n"
                               "\r\n";
    const time_t now = 784111777; /* the date of RFC 9110's example */
    struct buffer out;

    (void)state;
    buffer_init(&out);
    error_reply_write(&out, 502, "no backend: x", NULL, now, false, false);
    assert_int_equal(buffer_len(&out), strlen(head) + 14);
    assert_memory_equal(buffer_data(&out), head, strlen(head));
    assert_memory_equal(buffer_data(&out) + strlen(head), "no backend: x\n", 14);
    buffer_clear(&out);
    error_reply_write(&out, 502, "no backend: x", NULL, now, true, false);
    assert_int_equal(buffer_len(&out), strlen(head));
    buffer_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_carry_their_size),
        cmocka_unit_test(an_empty_part_does_not_end_a_chunked_body),
        cmocka_unit_test(a_length_is_neither_exceeded_nor_missed),
        cmocka_unit_test(no_body_takes_no_bytes),
        cmocka_unit_test(a_body_until_the_end_is_left_alone),
        cmocka_unit_test(an_error_reply_has_a_length_and_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
