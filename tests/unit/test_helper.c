/* The helper: its answers, and what an attacker inside it can do. This program is
 * executed as the helper, and its resolver below plays the attacker. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/endpoint.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/privileges.h"
#include "proxy/base/sandbox.h"
#include "proxy/master/helper.h"

enum { NOBODY = 65534, SECONDS = 1000 };

static const char secret[] = "/tmp/wlbproxy-test-helper.key";
static const char made[] = "/tmp/wlbproxy-test-helper.made";

/* ---- the resolver, within the helper ---- */

static int open_the_key(void)
{
    return open(secret, O_RDONLY | O_CLOEXEC);
}

static int write_a_file(void)
{
    int fd = open(made, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd < 0 ? -1 : (int)write(fd, "x", 1);
}

static int become_root(void)
{
    return seteuid(0);
}

static int execute(void)
{
    char *none[] = {NULL};

    return execve("/bin/true", none, none);
}

static int end_the_master(void)
{
    return kill(getppid(), SIGKILL);
}

static int hang(void)
{
    while (pause() != 0)
        continue;
    return 0;
}

static const struct {
    const char *name;
    int (*act)(void);
} acts[] = {
    {"open-the-key.test", open_the_key},
    {"write-a-file.test", write_a_file},
    {"become-root.test", become_root},
    {"execute.test", execute},
    {"end-the-master.test", end_the_master},
    {"hang.test", hang},
};

static struct addrinfo *address_of(int last)
{
    static struct sockaddr_in in;
    static struct addrinfo info = {.ai_family = AF_INET,
        .ai_addr = (struct sockaddr *)&in,
        .ai_addrlen = sizeof(in)};

    in.sin_family = AF_INET;
    in.sin_port = htons(80);
    in.sin_addr.s_addr = htonl(0x7f000000u | (unsigned)last);
    return &info;
}

static struct addrinfo *lies(void)
{
    static struct sockaddr no_address = {.sa_family = AF_UNIX, .sa_data = "/lie"};
    static struct addrinfo info = {
        .ai_family = AF_UNIX, .ai_addr = &no_address, .ai_addrlen = sizeof(no_address)};

    return &info;
}

/* Replaces the library's. The result of an act is the address: 127.0.0.ERRNO. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
    struct addrinfo **found)
{
    (void)service;
    (void)hints;
    *found = strcmp(name, "lies.test") == 0 ? lies() : address_of(1);
    if (strcmp(name, "unknown.test") == 0)
        return EAI_NONAME;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(name, acts[i].name) == 0)
            *found = address_of(acts[i].act() < 0 ? errno : 0);
    }
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

/* ---- the master ---- */

static struct identity identity;
static struct endpoint list[4];
static struct error err;

static size_t resolve(const char *text, int deadline_ms)
{
    memset(list, 0, sizeof(list));
    err.text[0] = '\0';
    return helper_resolve(&identity, text, ENDPOINT_CONNECT, list, 4, deadline_ms, &err);
}

static void a_name_is_resolved(void **state)
{
    (void)state;
    assert_int_equal(resolve("name.test:80", 20 * SECONDS), 1);
    assert_string_equal(list[0].text, "127.0.0.1:80");
    assert_int_equal(list[0].len, sizeof(struct sockaddr_in));
}

/* Without a helper, because no resolver is needed. */
static void an_address_needs_no_helper(void **state)
{
    (void)state;
    assert_int_equal(resolve("unix:/a", 0), 1);
    assert_string_equal(list[0].text, "unix:/a");
}

static void an_unknown_name_is_refused_with_a_reason(void **state)
{
    (void)state;
    assert_int_equal(resolve("unknown.test:80", 20 * SECONDS), 0);
    assert_non_null(
        strstr(err.text, "'unknown.test' cannot be resolved: Name or service"));
}

static void an_invalid_address_is_not_taken(void **state)
{
    (void)state;
    assert_int_equal(resolve("lies.test:80", 20 * SECONDS), 0);
    assert_non_null(strstr(err.text, "resolves to no address"));
}

static void a_helper_that_hangs_is_killed(void **state)
{
    int64_t began = clock_now_ms();

    (void)state;
    assert_int_equal(resolve("hang.test:80", 1 * SECONDS), 0);
    assert_non_null(strstr(err.text, "no answer within 1 s"));
    assert_true(clock_now_ms() - began >= 1 * SECONDS);
}

/* Fails with exactly this errno. */
static void assert_failed(const char *text, int error)
{
    char expected[32];

    assert_int_equal(resolve(text, 20 * SECONDS), 1);
    snprintf(expected, sizeof(expected), "127.0.0.%d:80", error);
    assert_string_equal(list[0].text, expected);
}

static void assert_ended(const char *text)
{
    assert_int_equal(resolve(text, 20 * SECONDS), 0);
    assert_non_null(strstr(err.text, "ended without an answer"));
}

static void one_that_was_taken_over_can_do_nothing(void **state)
{
    int fd = open(secret, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    (void)state;
    close(fd);
    if (geteuid() == 0)
        assert_failed("open-the-key.test:80", EACCES);
    (void)unlink(secret);
    if (sandbox_exemption() != NULL)
        skip();
    assert_int_equal(resolve("write-a-file.test:80", 20 * SECONDS), 1);
    assert_true(strcmp(list[0].text, "127.0.0.13:80") == 0 /* EACCES: Landlock */
        || strcmp(list[0].text, "127.0.0.27:80") == 0 /* EFBIG: its limit */);
    (void)unlink(made);
    assert_ended("execute.test:80");
    assert_ended("become-root.test:80");
    assert_ended("end-the-master.test:80");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_resolved),
        cmocka_unit_test(an_address_needs_no_helper),
        cmocka_unit_test(an_unknown_name_is_refused_with_a_reason),
        cmocka_unit_test(an_invalid_address_is_not_taken),
        cmocka_unit_test(a_helper_that_hangs_is_killed),
        cmocka_unit_test(one_that_was_taken_over_can_do_nothing),
    };

    if (argc > 0 && helper_is_meant(argv[0]))
        return helper_main(NULL, 0);
    identity = (struct identity){.drop = geteuid() == 0, .uid = NOBODY, .gid = NOBODY};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
