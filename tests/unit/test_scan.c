#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/scan.h"

static bool is_text(unsigned byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static enum refusal scan_whole(const char *text, size_t len, struct scan *scan)
{
    size_t used;

    *scan = (struct scan){0};
    return scan_bytes(scan, text, len, &used);
}

/* Eight bytes are examined at a time: each place among them must count. */
static void every_byte_is_judged_at_every_place(void **state)
{
    struct scan scan;

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 18; at++) {
            char text[] = "\xe4\xff ~!aaaa\tbbbbbbbb\r\n";
            text[at] = (char)byte;
            enum refusal refusal = scan_whole(text, sizeof(text) - 1, &scan);
            enum refusal expected = is_text(byte) ? ACCEPTED
                : byte == '\n'                    ? REFUSE_BARE_LF
                : byte == '\r'                    ? REFUSE_BARE_CR
                                                  : REFUSE_CONTROL;
            assert_int_equal(refusal, expected);
        }
    }
}

static void a_head_ends_at_its_first_empty_line(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
    struct scan scan = {0};
    size_t used;

    (void)state;
    assert_int_equal(scan_bytes(&scan, text, sizeof(text) - 1, &used), ACCEPTED);
    assert_true(scan.complete);
    assert_int_equal(used, sizeof(text) - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_judged_at_every_place),
        cmocka_unit_test(a_head_ends_at_its_first_empty_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
