#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/parser.h"
#include "proxy/http/refusal.h"
#include "tests/unit/document.h"

static const struct parser_limits limits = {.max_head = 4096};

struct feed {
    struct parser *parser;
    const char *bytes, *body;
    size_t len, body_len;
};

static struct feed feed_begin(enum parser_kind kind, const char *text)
{
    return (struct feed){
        .parser = parser_new(kind, &limits), .bytes = text, .len = strlen(text)};
}

static enum parse_result next(struct feed *f)
{
    return parser_next(f->parser, &f->bytes, &f->len, &f->body, &f->body_len);
}

static void more(struct feed *f, const char *text)
{
    assert_int_equal(f->len, 0);
    f->bytes = text;
    f->len = strlen(text);
}

static void body_parts_are_borrowed_from_the_input(void **state)
{
    struct feed f = feed_begin(
        PARSER_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");

    (void)state;
    assert_int_equal(next(&f), PARSE_HEAD);
    assert_int_equal(parser_head(f.parser)->length, 5);
    assert_int_equal(next(&f), PARSE_BODY);
    assert_ptr_equal(f.body + f.body_len, f.bytes);
    assert_int_equal(next(&f), PARSE_NEED_INPUT);
    more(&f, "loGET");
    assert_int_equal(next(&f), PARSE_BODY);
    assert_memory_equal(f.body, "lo", 2);
    assert_int_equal(next(&f), PARSE_DONE);
    assert_int_equal(f.len, 3);
    parser_free(f.parser);
}

/* An HTTP/0.9 client sends no more than that. */
static void a_bad_first_line_is_refused_before_the_rest_comes(void **state)
{
    static const struct {
        enum parser_kind kind;
        const char *text;
        enum refusal refusal;
    } cases[] = {
        {PARSER_REQUEST, "GET /\r\n", REFUSE_REQUEST_LINE},
        {PARSER_REQUEST, "GET / HTTP/2.0\r\n", REFUSE_VERSION},
        {PARSER_REQUEST, "GET / HTTP/1.1 x\r\nHost: a", REFUSE_REQUEST_LINE},
        {PARSER_RESPONSE, "HTTP/1.1 20 OK\r\n", REFUSE_STATUS_LINE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step <= strlen(cases[i].text); step++) {
            struct feed f = feed_begin(cases[i].kind, cases[i].text);
            size_t len = f.len;
            enum parse_result result = PARSE_NEED_INPUT;

            if (cases[i].kind == PARSER_RESPONSE)
                parser_expect_response(f.parser, false, false);
            for (size_t at = 0; at < len && result == PARSE_NEED_INPUT; at += step) {
                f.bytes = cases[i].text + at;
                f.len = len - at < step ? len - at : step;
                result = next(&f);
            }
            assert_int_equal(result, PARSE_ERROR);
            assert_string_equal(parser_error(f.parser), refusal_text(cases[i].refusal));
            parser_free(f.parser);
        }
    }
}

static void it_knows_where_in_a_message_it_is(void **state)
{
    struct feed f = feed_begin(PARSER_REQUEST, "\r\n");

    (void)state;
    assert_true(parser_is_idle(f.parser));
    assert_int_equal(next(&f), PARSE_NEED_INPUT);
    assert_true(parser_is_idle(f.parser));
    more(&f, "G");
    assert_int_equal(next(&f), PARSE_NEED_INPUT);
    assert_false(parser_is_idle(f.parser));
    more(&f, "ET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(next(&f), PARSE_HEAD);
    assert_false(parser_is_idle(f.parser));
    assert_int_equal(next(&f), PARSE_DONE);
    assert_true(parser_is_idle(f.parser));
    assert_int_equal(parser_end(f.parser), PARSE_NEED_INPUT);
    parser_free(f.parser);
}

static void a_heads_meaning_is_reported(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, expect_continue, upgrade;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false,
            false, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", true, false, false},
        {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
            true, true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            true, false, true},
        {"PUT / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct feed f = feed_begin(PARSER_REQUEST, cases[i].text);
        assert_int_equal(next(&f), PARSE_HEAD);
        assert_int_equal(parser_head(f.parser)->keep_alive, cases[i].keep_alive);
        assert_int_equal(
            parser_head(f.parser)->expect_continue, cases[i].expect_continue);
        assert_int_equal(parser_head(f.parser)->upgrade, cases[i].upgrade);
        parser_free(f.parser);
    }
}

static void fields_are_found_without_case(void **state)
{
    struct feed f =
        feed_begin(PARSER_REQUEST, "GET / HTTP/1.1\r\nhOST: a\r\nX: \r\n\r\n");

    (void)state;
    assert_int_equal(next(&f), PARSE_HEAD);
    assert_true(span_is(head_find(parser_head(f.parser), "Host"), "a"));
    assert_true(span_is(head_find(parser_head(f.parser), "x"), ""));
    assert_null(head_find(parser_head(f.parser), "y").text);
    parser_free(f.parser);
}

static void a_head_may_be_as_long_as_its_limit_and_no_longer(void **state)
{
    char text[4096 + 2] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    size_t used = strlen(text);

    (void)state;
    memset(text + used, 'x', sizeof(text) - used);
    for (size_t len = 4095; len <= 4097; len++) {
        memcpy(text + len - 4, "\r\n\r\n", 5);
        struct feed f = feed_begin(PARSER_REQUEST, text);
        assert_int_equal(next(&f), len <= 4096 ? PARSE_HEAD : PARSE_ERROR);
        if (len > 4096)
            assert_int_equal(parser_error_status(f.parser), 431);
        parser_free(f.parser);
        memset(text + len - 4, 'x', 4);
    }
}

static void an_error_is_final(void **state)
{
    struct feed f = feed_begin(PARSER_REQUEST, "GET / HTTP/1.1\r\nHost: a\n\r\n");

    (void)state;
    assert_int_equal(next(&f), PARSE_ERROR);
    assert_string_equal(parser_error(f.parser), "a line ends in LF without CR");
    assert_int_equal(next(&f), PARSE_ERROR);
    assert_int_equal(parser_end(f.parser), PARSE_ERROR);
    parser_free(f.parser);
}

/* Its reply has no body, and the method is often all that is known of it. */
static void a_refused_head_request_is_known_as_one(void **state)
{
    static const struct {
        const char *text;
        bool head;
    } cases[] = {
        {"HEAD / HTTP/1.1\r\n\r\n", true},
        {"HEAD / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", true},
        {"HEAD / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", true},
        {"HEAD\n", false},
        {"HEADS / HTTP/1.1\r\n\r\n", false},
        {"GET /HEAD HTTP/1.1\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t cut = 1; cut <= strlen(cases[i].text); cut++) {
            struct feed f = feed_begin(PARSER_REQUEST, cases[i].text);
            size_t rest = f.len - cut;

            f.len = cut;
            if (next(&f) == PARSE_NEED_INPUT) {
                f.len = rest;
                assert_int_equal(next(&f), PARSE_ERROR);
            }
            assert_int_equal(parser_says_head(f.parser), cases[i].head);
            parser_free(f.parser);
        }
    }
}

static void a_request_cut_by_the_end_is_an_error(void **state)
{
    static const char *const texts[] = {"G", "\r",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct feed f = feed_begin(PARSER_REQUEST, texts[i]);
        while (next(&f) != PARSE_NEED_INPUT)
            ;
        assert_int_equal(parser_end(f.parser), PARSE_ERROR);
        parser_free(f.parser);
    }
}

static void a_reply_is_expected_anew_for_each_request(void **state)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct feed f = feed_begin(PARSER_RESPONSE, reply);

    (void)state;
    for (int i = 0; i < 3; i++) {
        parser_expect_response(f.parser, false, false);
        assert_int_equal(next(&f), PARSE_HEAD);
        assert_int_equal(next(&f), PARSE_DONE);
        assert_int_equal(next(&f), PARSE_NEED_INPUT);
        more(&f, reply);
    }
    assert_int_equal(next(&f), PARSE_ERROR);
    assert_string_equal(parser_error(f.parser), "a reply to nothing");
    parser_free(f.parser);
}

static void bytes_behind_a_101_are_left_for_the_tunnel(void **state)
{
    struct feed f = feed_begin(PARSER_RESPONSE,
        "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\ntunnel");

    (void)state;
    parser_expect_response(f.parser, false, true);
    assert_int_equal(next(&f), PARSE_HEAD);
    assert_true(parser_head(f.parser)->upgrade);
    assert_int_equal(next(&f), PARSE_DONE);
    assert_string_equal(f.bytes, "tunnel");
    parser_free(f.parser);
}

static void the_end_completes_a_reply_without_length(void **state)
{
    struct feed f = feed_begin(PARSER_RESPONSE, "HTTP/1.1 200 OK\r\n\r\nbody");

    (void)state;
    parser_expect_response(f.parser, false, false);
    assert_int_equal(next(&f), PARSE_HEAD);
    assert_false(parser_head(f.parser)->keep_alive);
    assert_int_equal(next(&f), PARSE_BODY);
    assert_int_equal(f.body_len, 4);
    assert_int_equal(next(&f), PARSE_NEED_INPUT);
    assert_int_equal(parser_end(f.parser), PARSE_DONE);
    parser_free(f.parser);
}

static void every_refusal_has_a_status_and_a_sentence(void **state)
{
    (void)state;
    for (enum refusal r = ACCEPTED + 1; r <= REFUSE_CUT; r++) {
        assert_in_range(refusal_status(r), 400, 505);
        assert_int_not_equal(refusal_status(r), 401);
        assert_int_not_equal(refusal_status(r), 403);
        assert_true(strlen(refusal_text(r)) > 8);
    }
}

static void every_refusal_is_documented(void **state)
{
    const char *text = document_text(DOCS "/replies.md");
    char row[128];

    (void)state;
    for (enum refusal r = ACCEPTED + 1; r <= REFUSE_CUT; r++) {
        snprintf(row, sizeof(row), "| %u | %s |", refusal_status(r), refusal_text(r));
        assert_non_null(strstr(text, row));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_parts_are_borrowed_from_the_input),
        cmocka_unit_test(a_bad_first_line_is_refused_before_the_rest_comes),
        cmocka_unit_test(it_knows_where_in_a_message_it_is),
        cmocka_unit_test(a_heads_meaning_is_reported),
        cmocka_unit_test(fields_are_found_without_case),
        cmocka_unit_test(a_head_may_be_as_long_as_its_limit_and_no_longer),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(a_refused_head_request_is_known_as_one),
        cmocka_unit_test(a_request_cut_by_the_end_is_an_error),
        cmocka_unit_test(a_reply_is_expected_anew_for_each_request),
        cmocka_unit_test(bytes_behind_a_101_are_left_for_the_tunnel),
        cmocka_unit_test(the_end_completes_a_reply_without_length),
        cmocka_unit_test(every_refusal_has_a_status_and_a_sentence),
        cmocka_unit_test(every_refusal_is_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
