#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/net/client_hello_fingerprint.h"

enum { END = -1, ROOM = 512 };

/* A ClientHello in one record, from lists that END ends. */
struct hello {
    const int *ciphers, *extensions;
    unsigned char filling; /* for the random parts, and for host names */
    size_t session_len;
};

static const int supported_ciphers[] = {0xc030, 0xc02f, 0x1301, END};
static const int supported_extensions[] = {0, 11, 10, 13, 43, END};

static size_t put(unsigned char *to, size_t len, size_t value, size_t bytes)
{
    while (bytes-- > 0)
        to[len++] = (unsigned char)(value >> bytes * 8);
    return len;
}

static size_t put_list(unsigned char *to, size_t len, const int *list)
{
    size_t count = 0;

    while (list[count] != END)
        count++;
    len = put(to, len, count * 2, 2);
    for (size_t i = 0; i < count; i++)
        len = put(to, len, (size_t)list[i], 2);
    return len;
}

static size_t put_extensions(unsigned char *to, size_t len, const struct hello *hello)
{
    static const int groups[] = {0x0a0a, 24, END};
    size_t start = len + 2;

    len = start;
    for (size_t i = 0; hello->extensions[i] != END; i++) {
        size_t body = len + 4;

        len = put(to, len, (size_t)hello->extensions[i], 2);
        len = hello->extensions[i] == 10
            ? put_list(to, body, groups)
            : put(to, body, (size_t)hello->filling * 0x010101U, 3);
        (void)put(to, body - 2, len - body, 2);
    }
    (void)put(to, start - 2, len - start, 2);
    return len;
}

static size_t write_hello(unsigned char *to, const struct hello *hello)
{
    size_t len = put(to, 0, 22, 1);

    len = put(to, len, 0x0301, 2);
    len = put(to, len, 0, 2);
    len = put(to, len, 1, 1);
    len = put(to, len, 0, 3);
    len = put(to, len, 0x0303, 2);
    memset(to + len, hello->filling, 32);
    len = put(to, len + 32, hello->session_len, 1);
    memset(to + len, hello->filling, hello->session_len);
    len = put_list(to, len + hello->session_len, hello->ciphers);
    len = put(to, len, 0x0100, 2);
    len = put_extensions(to, len, hello);
    (void)put(to, 3, len - 5, 2);
    (void)put(to, 6, len - 9, 3);
    return len;
}

static unsigned fingerprint(const struct hello *hello)
{
    unsigned char bytes[ROOM];

    return fingerprint_of(bytes, write_hello(bytes, hello));
}

static void one_program_greets_alike(void **state)
{
    static const int with_grease[] = {0xdada, 0xc030, 0xc02f, 0x1301, END};
    static const int shuffled[] = {43, 0x3a3a, 13, 10, 11, 0, 0xfafa, END};
    static const struct hello usual = {supported_ciphers, supported_extensions, 1, 0};
    static const struct hello same[] = {
        {supported_ciphers, supported_extensions, 7, 0},
        {supported_ciphers, supported_extensions, 7, 32},
        {with_grease, supported_extensions, 1, 0},
        {supported_ciphers, shuffled, 1, 0},
    };

    (void)state;
    assert_int_not_equal(fingerprint(&usual), 0);
    assert_int_equal(fingerprint(&same[0]), fingerprint(&same[1]));
    assert_int_equal(fingerprint(&usual), fingerprint(&same[2]));
    assert_int_equal(fingerprint(&usual), fingerprint(&same[3]));
}

static void others_greet_differently(void **state)
{
    static const int fewer[] = {0xc030, 0xc02f, END};
    static const int in_other_order[] = {0xc02f, 0xc030, 0x1301, END};
    static const int more[] = {0, 11, 10, 13, 43, 16, END};
    static const struct hello usual = {supported_ciphers, supported_extensions, 1, 0};
    static const struct hello others[] = {
        {fewer, supported_extensions, 1, 0},
        {in_other_order, supported_extensions, 1, 0},
        {supported_ciphers, more, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_not_equal(fingerprint(&usual), fingerprint(&others[i]));
}

static void a_partial_client_hello_has_no_fingerprint(void **state)
{
    static const struct hello usual = {supported_ciphers, supported_extensions, 1, 32};
    unsigned char bytes[ROOM];
    size_t len = write_hello(bytes, &usual);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *exact = malloc(cut + 1); /* reading beyond it is detected */

        memcpy(exact + 1, bytes, cut);
        assert_int_equal(fingerprint_of(exact + 1, cut), 0);
        free(exact);
    }
    bytes[0] = 23;
    assert_int_equal(fingerprint_of(bytes, len), 0);
    bytes[0] = 22;
    bytes[5] = 2;
    assert_int_equal(fingerprint_of(bytes, len), 0);
}

static void count(struct fingerprints *all, unsigned fingerprint, int kept, int broken)
{
    for (int i = 0; i < kept; i++)
        fingerprints_count(all, fingerprint, true);
    for (int i = 0; i < broken; i++)
        fingerprints_count(all, fingerprint, false);
}

static void a_fingerprint_is_worth_its_recent_completion_rate(void **state)
{
    struct fingerprints all = {0};

    (void)state;
    assert_false(fingerprints_complete(&all, 5));
    count(&all, 5, 1, 0);
    assert_true(fingerprints_complete(&all, 5));
    assert_false(fingerprints_complete(&all, 6));
    count(&all, 5, 0, 1);
    assert_false(fingerprints_complete(&all, 5));
    count(&all, 5, 10000, 0);
    assert_true(fingerprints_complete(&all, 5));
    count(&all, 5, 0, 30);
    assert_false(fingerprints_complete(&all, 5));
    count(&all, 0, 100, 0);
    assert_false(fingerprints_complete(&all, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_program_greets_alike),
        cmocka_unit_test(others_greet_differently),
        cmocka_unit_test(a_partial_client_hello_has_no_fingerprint),
        cmocka_unit_test(a_fingerprint_is_worth_its_recent_completion_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
