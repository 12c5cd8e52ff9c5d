/* test_remote.c - a command on another machine, by an ssh of the test's own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/cert/remote.h"

enum { INPUT = 1024 * 1024, LONG_ENOUGH = 60 /* s */ };

static struct remote_answer answer;
static char input[INPUT];

/* The words of ssh are: --, host, command. This one runs the command here. */
static int make_ssh(void **state)
{
    static char folder[] = "/tmp/test_remote.XXXXXX";
    char path[128], *search;
    FILE *script;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/ssh", folder);
    script = fopen(path, "w");
    assert_non_null(script);
    fputs("#!/bin/sh\nexec /bin/sh -c \"$3\"\n", script);
    assert_int_equal(fclose(script), 0);
    assert_int_equal(chmod(path, 0700), 0);
    search = memory_format("%s:%s", folder, getenv("PATH"));
    setenv("PATH", search, 1);
    free(search);
    memset(input, 'i', sizeof(input));
    *state = folder;
    return 0;
}

static int remove_ssh(void **state)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/ssh", (const char *)*state);
    unlink(path);
    rmdir(*state);
    return 0;
}

static bool run(const char *command, struct error *err)
{
    bool good;

    (void)signal(SIGPIPE, SIG_IGN);
    alarm(LONG_ENOUGH); /* one that stalls ends the test */
    good = remote_run("node", command, input, sizeof(input), &answer, err);
    alarm(0);
    return good;
}

static void test_a_host_that_answers_before_it_reads_stalls_nothing(void **state)
{
    struct error err;

    (void)state;
    assert_true(run("head -c 300000 /dev/zero; wc -c", &err));
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.len, REMOTE_ANSWER_MAX - 1);
    assert_true(run("wc -c", &err));
    assert_int_equal(atoi(answer.text), INPUT);
}

static void test_a_host_that_reads_nothing_has_its_status(void **state)
{
    struct error err;

    (void)state;
    assert_true(run("echo no; exit 3", &err));
    assert_int_equal(answer.status, 3);
    assert_string_equal(answer.text, "no\n");
}

static void test_a_host_that_answers_for_ever_is_left(void **state)
{
    struct error err;

    (void)state;
    assert_false(run("exec cat /dev/zero", &err));
    assert_string_equal(err.text, "it answered more than 16 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_that_answers_before_it_reads_stalls_nothing),
        cmocka_unit_test(test_a_host_that_reads_nothing_has_its_status),
        cmocka_unit_test(test_a_host_that_answers_for_ever_is_left),
    };

    return cmocka_run_group_tests(tests, make_ssh, remove_ssh);
}
