/* The small rules of the master: when to warn, what was lost, where to notify. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/error.h"
#include "proxy/ipc/channel.h"
#include "proxy/master/expiry.h"
#include "proxy/master/file_poll.h"
#include "proxy/master/notify.h"
#include "proxy/master/regression.h"
#include "proxy/master/spawn.h"
#include "proxy/master/ticket_keys.h"

enum { DAY = 24 * 60 * 60 };

static void expiry_warns_at_its_thresholds(void **state)
{
    static const struct {
        long left;
        long threshold;
    } cases[] = {{31 * DAY, 0}, {30 * DAY + 1, 0}, {30 * DAY, 1}, {14 * DAY, 2},
        {7 * DAY + 1, 2}, {7 * DAY, 3}, {DAY, 4}, {0, 4}, {-1, 5}, {-DAY, 6},
        {-2 * DAY, 7}};
    const time_t now = 1800000000;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(expiry_threshold(now - 365L * DAY, now + cases[i].left, now),
            cases[i].threshold);
    /* A list of a week, and one of a day: only thresholds of at most half of that
     * count. */
    assert_int_equal(expiry_threshold(now - DAY, now + 6 * DAY, now), 0);
    assert_int_equal(expiry_threshold(now - 6 * DAY, now + DAY, now), 4);
    assert_int_equal(expiry_threshold(now - DAY / 2, now + DAY / 2, now), 0);
    assert_int_equal(expiry_threshold(now - 2 * DAY, now - DAY, now), 6);
}

static void file_systems_that_do_not_tell_are_known(void **state)
{
    (void)state;
    assert_string_equal(file_poll_kind(0x6969), "nfs");
    assert_string_equal(file_poll_kind((long)0xff534d42), "cifs");
    assert_string_equal(file_poll_kind((int)0xff534d42), "cifs"); /* 32 bits, signed */
    assert_string_equal(file_poll_kind(0x65735546), "fuse");
    assert_null(file_poll_kind(0xef53)); /* ext4 */
    assert_null(file_poll_kind(0x01021994)); /* tmpfs */
}

static void a_want_of_descriptors_is_named_as_such(void **state)
{
    char *const nothing[] = {NULL};
    const struct spawn spawn = {.program = "/bin/true",
        .arguments = nothing,
        .environment = nothing,
        .fds = {SPAWN_NULL, SPAWN_NULL, STDERR_FILENO, SPAWN_NULL}};
    struct rlimit limit, none;
    pid_t pid;
    int error;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = STDERR_FILENO + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    error = spawn_process(&spawn, &pid);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(error, EMFILE);
}

static void lost_names_are_named(void **state)
{
    static const struct {
        const char *served, *fresh, *lost;
    } cases[] = {{"a,b", "a,b", ""}, {"a,b", "b", "a"}, {"a, b,c", "B", "a, c"},
        {"", "a", ""}, {"a", "", "a"}, {"a.example", "a.example.org", "a.example"},
        {"a.example", "*.EXAMPLE", ""}, {"a.b.example", "*.example", "a.b.example"},
        {"example", "*.example", "example"}, {"*.example", "a.example", "*.example"},
        {"*.example", "*.example", ""}, {"10.0.0.7", "*.0.0.8", "10.0.0.7"}};
    char lost[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            regression_names_lost(cases[i].served, cases[i].fresh, lost, sizeof(lost)),
            cases[i].lost[0] != '\0');
        assert_string_equal(lost, cases[i].lost);
    }
}

static void notify_addresses_are_paths_or_abstract(void **state)
{
    struct sockaddr_un address;
    socklen_t len;
    char text[200];

    (void)state;
    assert_true(notify_address("/run/x", &address, &len));
    assert_string_equal(address.sun_path, "/run/x");
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 7);
    assert_true(notify_address("@abc", &address, &len));
    assert_memory_equal(address.sun_path, "\0abc", 4);
    assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 4);
    assert_false(notify_address("relative", &address, &len));
    assert_false(notify_address("/", &address, &len));
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_false(notify_address(text, &address, &len));
}

static void a_status_is_one_line(void **state)
{
    const char *path = "@wlbproxy-test-notify";
    struct sockaddr_un address;
    socklen_t len;
    char got[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    (void)state;
    assert_true(notify_address(path, &address, &len));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    notify_ready("a\nMAINPID=1");
    notify_status("b", "c\nSTOPPING=1");
    unsetenv("NOTIFY_SOCKET");
    got[recv(fd, got, sizeof(got) - 1, 0)] = '\0';
    assert_string_equal(got, "READY=1\nSTATUS=a MAINPID=1");
    got[recv(fd, got, sizeof(got) - 1, 0)] = '\0';
    assert_string_equal(got, "STATUS=b: c STOPPING=1");
    close(fd);
}

static void a_rotated_key_still_opens(void **state)
{
    struct ticket_keys tickets;
    struct ticket_key first;
    struct error err;

    (void)state;
    memset(&tickets, 0, sizeof(tickets));
    tickets_set_lifetime(&tickets, 3600 * 1000);
    assert_true(tickets_rotate(&tickets, 7200 * 1000, &err));
    assert_int_equal(tickets.count, 1);
    first = tickets.keys[0];
    assert_true(tickets_rotate(&tickets, 7200 * 1000, &err));
    assert_int_equal(tickets.count, 2);
    /* It no longer seals; tickets that it sealed end within a lifetime. */
    assert_memory_equal(tickets.keys[1].aes, first.aes, sizeof(first.aes));
    assert_int_equal(first.ends - tickets.keys[1].ends, 7200);
    assert_memory_not_equal(&tickets.keys[0], &first, sizeof(first));
    for (int i = 0; i < TICKET_KEYS_MAX; i++)
        assert_true(tickets_rotate(&tickets, 7200 * 1000, &err));
    assert_int_equal(tickets.count, TICKET_KEYS_MAX);
}

static void a_datagram_is_a_message_or_nothing(void **state)
{
    const uint32_t words[] = {MESSAGE_READY, 9, 0};
    const uint32_t unknown[] = {MESSAGE_LAST, 9}, none[] = {0, 9};
    struct message m;

    (void)state;
    assert_true(message_parse(&m, (const char *)words, sizeof(words)));
    assert_int_equal(m.type, MESSAGE_READY);
    assert_int_equal(m.id, 9);
    assert_int_equal(m.len, 4);
    for (size_t len = 0; len < 8; len++)
        assert_false(message_parse(&m, (const char *)words, len));
    assert_false(message_parse(&m, (const char *)unknown, sizeof(unknown)));
    assert_false(message_parse(&m, (const char *)none, sizeof(none)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expiry_warns_at_its_thresholds),
        cmocka_unit_test(file_systems_that_do_not_tell_are_known),
        cmocka_unit_test(a_want_of_descriptors_is_named_as_such),
        cmocka_unit_test(lost_names_are_named),
        cmocka_unit_test(notify_addresses_are_paths_or_abstract),
        cmocka_unit_test(a_status_is_one_line),
        cmocka_unit_test(a_rotated_key_still_opens),
        cmocka_unit_test(a_datagram_is_a_message_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
