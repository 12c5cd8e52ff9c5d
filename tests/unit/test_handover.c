/* Messages between two versions of the program: proxy/ipc/handover.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/ipc/handover.h"

static void ready(struct handover_message *m)
{
    handover_begin(m, HANDOVER_READY);
    handover_put_number(m, HANDOVER_FIELD_VERSION, HANDOVER_VERSION);
    handover_put_text(m, HANDOVER_FIELD_PROGRAM, "1.0.0");
    handover_put_number(m, HANDOVER_FIELD_GENERATION, 7);
}

static void fields_are_found_by_number(void **state)
{
    struct handover_message m;
    char text[8];

    (void)state;
    ready(&m);
    assert_true(handover_parse(&m));
    assert_int_equal(m.type, HANDOVER_READY);
    assert_int_equal(handover_get_number(&m, HANDOVER_FIELD_GENERATION), 7);
    handover_get_text(&m, HANDOVER_FIELD_PROGRAM, text, sizeof(text));
    assert_string_equal(text, "1.0.0");
}

static void a_missing_field_has_a_default(void **state)
{
    struct handover_message m;
    char text[8] = "x";
    size_t len;

    (void)state;
    handover_begin(&m, HANDOVER_READY);
    assert_true(handover_parse(&m));
    assert_int_equal(handover_get_number(&m, HANDOVER_FIELD_GENERATION), 0);
    assert_null(handover_get(&m, HANDOVER_FIELD_KEY_AES, &len));
    handover_get_text(&m, HANDOVER_FIELD_REASON, text, sizeof(text));
    assert_string_equal(text, "");
}

static void an_unknown_field_is_skipped(void **state)
{
    struct handover_message m;

    (void)state;
    handover_begin(&m, HANDOVER_READY);
    handover_put(&m, (enum handover_field)60000, "of a later version", 18);
    handover_put_number(&m, HANDOVER_FIELD_GENERATION, 9);
    assert_true(handover_parse(&m));
    assert_int_equal(handover_get_number(&m, HANDOVER_FIELD_GENERATION), 9);
}

static void an_unknown_message_is_one(void **state)
{
    struct handover_message m;

    (void)state;
    handover_begin(&m, (enum handover_type)60000);
    assert_true(handover_parse(&m));
    assert_int_equal(m.type, 60000);
}

/* A later version may send a longer text, or a wider number. */
static void texts_are_bounded_and_plain(void **state)
{
    struct handover_message m;
    char text[5];

    (void)state;
    handover_begin(&m, HANDOVER_REFUSED);
    handover_put_text(&m, HANDOVER_FIELD_REASON, "a\n\x9b!tail");
    handover_put(&m, HANDOVER_FIELD_GENERATION, "0123456789", 10);
    assert_true(handover_parse(&m));
    handover_get_text(&m, HANDOVER_FIELD_REASON, text, sizeof(text));
    assert_string_equal(text,
        "a?"
        "?!");
    assert_int_equal(handover_get_number(&m, HANDOVER_FIELD_GENERATION), 0);
}

static void every_cut_is_refused_or_a_shorter_message(void **state)
{
    struct handover_message whole, m;

    (void)state;
    ready(&whole);
    for (size_t len = 0; len < whole.len; len++) {
        m = whole;
        m.len = len;
        if (handover_parse(&m))
            assert_true(len == 2 || len == 16 || len == 27);
    }
}

static void descriptors_ride_on_a_message(void **state)
{
    struct handover_message m;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    handover_begin(&m, HANDOVER_SOCKETS);
    m.fds[0] = pair[0];
    m.fds[1] = pair[1];
    m.fd_count = 2;
    assert_true(handover_send(pair[0], &m));
    assert_int_equal(handover_receive(pair[1], &m, 1000), HANDOVER_MESSAGE);
    assert_int_equal(m.type, HANDOVER_SOCKETS);
    assert_int_equal(m.fd_count, 2);
    assert_int_not_equal(m.fds[0], pair[0]);
    handover_close_fds(&m);
    assert_int_equal(handover_receive(pair[1], &m, 0), HANDOVER_AGAIN);
    close(pair[0]);
    assert_int_equal(handover_receive(pair[1], &m, 0), HANDOVER_CLOSED);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_by_number),
        cmocka_unit_test(a_missing_field_has_a_default),
        cmocka_unit_test(an_unknown_field_is_skipped),
        cmocka_unit_test(an_unknown_message_is_one),
        cmocka_unit_test(texts_are_bounded_and_plain),
        cmocka_unit_test(every_cut_is_refused_or_a_shorter_message),
        cmocka_unit_test(descriptors_ride_on_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
