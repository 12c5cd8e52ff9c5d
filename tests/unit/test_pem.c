#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certstore/pem.h"

#define BLOCK "-----BEGIN X-----\nTWFu\n-----END X-----\n"

static void files_from_practice_are_read(void **state)
{
    static const struct {
        const char *text;
        size_t count, line;
        enum pem_fault fault;
        size_t der_len;
        bool glued, encrypted;
    } rows[] = {
        {"", 0, 0, PEM_SOUND, 0, false, false},
        {"text", 0, 0, PEM_SOUND, 0, false, false},
        {BLOCK, 1, 1, PEM_SOUND, 3, false, false},
        {BLOCK "words\n\n" BLOCK, 2, 6, PEM_SOUND, 3, false, false},
        {"-----BEGIN X-----\r\nTWFu\r\nTQ==\r\n-----END X-----", 1, 1, PEM_SOUND, 4,
            false, false},
        {"-----BEGIN X-----\rTWFu\r-----END X-----\r", 1, 1, PEM_SOUND, 3, false, false},
        {"-----BEGIN X-----TWFu-----END X-----" BLOCK, 2, 1, PEM_SOUND, 3, true, false},
        {"  -----BEGIN X-----  \n T W F u \n -----END X-----", 1, 1, PEM_SOUND, 3, false,
            false},
        {"-----BEGIN X----- TWFu -----END X----- \t" BLOCK, 2, 1, PEM_SOUND, 3, true,
            false},
        {"a\r\r-----BEGIN X-----\rA: b\r\rTWFu\r-----END X-----\r", 1, 3, PEM_SOUND, 3,
            false, false},
        {"a -----BEGIN X-----\nTWFu\n-----END X-----", 0, 0, PEM_SOUND, 0, false, false},
        {"-----BEGIN X-----\nTWFu\n", 1, 1, PEM_TRUNCATED, 0, false, false},
        {"-----BEGIN X-----\nTWFu\n-----END X----", 1, 1, PEM_TRUNCATED, 0, false, false},
        {"-----BEGIN X-----\nTW\n" BLOCK, 2, 3, PEM_SOUND, 3, false, false},
        {"-----BEGIN X-----\nTWF\n-----END X-----", 1, 1, PEM_DAMAGED, 0, false, false},
        {"-----BEGIN X-----\nT=Fu\n-----END X-----", 1, 1, PEM_DAMAGED, 0, false, false},
        {"-----BEGIN X-----\nTWFu====\n-----END X-----", 1, 1, PEM_DAMAGED, 0, false,
            false},
        {"-----BEGIN X-----\n\n-----END X-----", 1, 1, PEM_DAMAGED, 0, false, false},
        {"-----BEGIN X-----\nTWFu\n-----END Y-----", 1, 1, PEM_MISMATCHED, 0, false,
            false},
        {"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\nTWFu\n-----END "
         "X-----",
            1, 1, PEM_SOUND, 3, false, true},
        {"-----BEGIN X-----\nComment: none\n\nTWFu\n-----END X-----", 1, 1, PEM_SOUND, 3,
            false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pem_block *last;
        struct pem pem;

        pem_parse(&pem, rows[i].text, strlen(rows[i].text));
        if (pem.count != rows[i].count)
            fail_msg("row %zu: %zu blocks", i, pem.count);
        last = pem.count == 0 ? NULL : &pem.blocks[pem.count - 1];
        if (last != NULL &&
            (last->line != rows[i].line || last->fault != rows[i].fault ||
                last->der_len != rows[i].der_len || last->glued != rows[i].glued ||
                last->encrypted != rows[i].encrypted))
            fail_msg("row %zu: line %zu, fault %d, %zu bytes", i, last->line,
                (int)last->fault, last->der_len);
        pem_destroy(&pem);
    }
}

static void a_begin_behind_other_text_is_noticed(void **state)
{
    static const struct {
        const char *text;
        size_t count, stray;
    } rows[] = {
        {BLOCK, 1, 0},
        {"a\n \t" BLOCK, 1, 0},
        {"a\n\xe2\x80\x8b" BLOCK, 0, 2},
        {BLOCK "<p>" BLOCK "<p>" BLOCK, 1, 4},
        {"from -----BEGIN X----- to the end\n" BLOCK, 1, 0},
        {"(-----BEGIN X-----", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pem pem;

        pem_parse(&pem, rows[i].text, strlen(rows[i].text));
        if (pem.count != rows[i].count || pem.stray != rows[i].stray)
            fail_msg("row %zu: %zu blocks, %zu", i, pem.count, pem.stray);
        pem_destroy(&pem);
    }
}

static void a_mark_that_got_lost_is_noticed(void **state)
{
    static const struct {
        const char *text;
        size_t lost;
    } rows[] = {
        {BLOCK, 0},
        {BLOCK "----BEGIN CERTIFICATE-----\nTWFu\n-----END CERTIFICATE-----\n", 4},
        {BLOCK "TWFu\n-----END CERTIFICATE-----\n" BLOCK, 5},
        {"\n------BEGIN CERTIFICATE------\n", 2},
        {"-----begin x509 crl-----\r\n", 1},
        {"a\r\xe2\x80\x93\xe2\x80\x93 BEGIN  PRIVATE KEY \xe2\x80\x93\r", 2},
        {BLOCK "\xef\xbb\xbf-----BEGIN CERTIFICATE-----\n" BLOCK, 4},
        {BLOCK "--- begin of the chain ---\n-- End Certificates --\nEND CERTIFICATE", 0},
        {"- BEGIN CERTIFICATE", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pem pem;

        pem_parse(&pem, rows[i].text, strlen(rows[i].text));
        if (pem.lost != rows[i].lost)
            fail_msg("row %zu: line %zu", i, pem.lost);
        pem_destroy(&pem);
    }
}

static void every_cut_of_a_text_is_survived(void **state)
{
    static const char text[] =
        "\xef\xbb\xbf" BLOCK "-----BEGIN X-----\nA: b\n\nTWFu\n-----END X-----" BLOCK;

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        struct pem pem;

        pem_parse(&pem, text, len);
        assert_true(pem.count <= 3);
        pem_destroy(&pem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_from_practice_are_read),
        cmocka_unit_test(a_begin_behind_other_text_is_noticed),
        cmocka_unit_test(a_mark_that_got_lost_is_noticed),
        cmocka_unit_test(every_cut_of_a_text_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
