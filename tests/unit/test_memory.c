#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"

static void an_array_is_zero_and_has_an_end(void **state)
{
    (void)state;
    for (size_t count = 0; count < 4; count++) {
        char **array = memory_array(count, sizeof(*array));

        for (size_t i = 0; i <= count; i++)
            assert_null(array[i]);
        free(array);
    }
}

static void texts_are_copied_cut_and_formatted(void **state)
{
    char *whole = memory_text("whole"), *part = memory_text_part("cut here", 3);
    char *formatted = memory_format("%s-%d", whole, 7);

    (void)state;
    assert_string_equal(whole, "whole");
    assert_string_equal(part, "cut");
    assert_string_equal(formatted, "whole-7");
    free(whole);
    free(part);
    free(formatted);
}

static void a_stream_is_its_text_when_it_is_closed(void **state)
{
    char *text;
    size_t len;
    FILE *out = memory_stream(&text, &len);

    (void)state;
    for (int i = 0; i < 1000; i++)
        fputs("line\n", out);
    memory_stream_close(out);
    assert_int_equal(len, 5000);
    assert_int_equal(strlen(text), 5000);
    free(text);
}

static int status_of(void (*run)(void))
{
    const struct rlimit no_core = {0, 0};
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        run();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void ask_for_too_much(void)
{
    /* volatile: the compiler must not know that it is too much. */
    volatile size_t count = SIZE_MAX / 4;

    free(memory_resize(NULL, count, 8));
}

static void ask_for_an_object_that_is_missing(void)
{
    (void)memory_checked(NULL);
}

static void without_memory_the_process_is_aborted(void **state)
{
    void (*const runs[])(void) = {ask_for_an_object_that_is_missing, ask_for_too_much};
    size_t count = 2;

    (void)state;
#ifdef WLB_SANITIZE
    count = 1; /* a sanitizer ends the process for the other one by itself */
#endif
    for (size_t i = 0; i < count; i++) {
        int status = status_of(runs[i]);

        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

static void the_clock_does_not_go_back(void **state)
{
    int64_t ns = clock_now_ns(), ms = clock_now_ms();

    (void)state;
    assert_true(ns > 0 && ms >= ns / 1000000);
    assert_true(clock_now_ns() >= ns && clock_now_ms() >= ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_zero_and_has_an_end),
        cmocka_unit_test(texts_are_copied_cut_and_formatted),
        cmocka_unit_test(a_stream_is_its_text_when_it_is_closed),
        cmocka_unit_test(without_memory_the_process_is_aborted),
        cmocka_unit_test(the_clock_does_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
