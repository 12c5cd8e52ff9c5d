/* Lines that a child sends, and its parent writes. */
#include "log_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static const char *relayed(const char *bytes, size_t len)
{
    static char copy[LOG_DATAGRAM_MAX];

    memcpy(copy, bytes, len);
    (void)log_relay(&origin, copy, len);
    return written();
}

/* As its parent reads them. */
static void a_child_sends_its_lines(void **state)
{
    int pair[2];
    char bytes[4096];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    log_open(pair[0], LOG_KIND_PARENT, LOG_LEVEL_INFO, "");
    access_log_open(pair[0], LOG_KIND_PARENT);
    log_warning("event=x n=%d", 5);
    access_log_write("{\"a\":1}", 7);
    access_log_write("{\"a\":2}", 7);
    ssize_t event = recv(pair[1], bytes, sizeof(bytes), 0);
    assert_int_equal(recv(pair[1], bytes + event, 1, 0), -1); /* gathered */
    access_log_flush();
    ssize_t access = recv(pair[1], bytes + event, sizeof(bytes) - (size_t)event, 0);
    access_log_flush();
    assert_int_equal(recv(pair[1], bytes + event + access, 1, 0), -1);

    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "master");
    access_log_open(ends[1], LOG_KIND_FILE);
    const char *line = relayed(bytes, (size_t)event);
    assert_string_equal(line + 25, "warning worker 3: event=x n=5\n");
    assert_string_equal(relayed(bytes + event, (size_t)access), "{\"a\":1}\n{\"a\":2}\n");
    access_log_open(-1, LOG_KIND_FILE);
    close(pair[0]);
    close(pair[1]);
}

static int parent = -1; /* its end; it reads while the child waits */
static size_t received;

static void parent_reads(void)
{
    static char bytes[LOG_DATAGRAM_MAX];

    while (recv(parent, bytes, sizeof(bytes), 0) > 0)
        received++;
}

/* In place of the C library's: nobody waits here in vain. */
int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    assert_int_equal(count, 1);
    if (timeout > 0)
        parent_reads();
    fds[0].revents = fds[0].events;
    return 1;
}

static void a_child_that_ends_waits_for_a_busy_parent(void **state)
{
    size_t sent = 0;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    parent = pair[1];
    access_log_open(pair[0], LOG_KIND_PARENT);
    for (; access_log_gathered() == 0; sent++) {
        access_log_write("{}", 2);
        access_log_flush();
    }
    access_log_finish();
    assert_int_equal(access_log_gathered(), 0);
    parent_reads();
    assert_int_equal(received, sent);
    access_log_open(-1, LOG_KIND_FILE);
    close(pair[0]);
    close(pair[1]);
}

static void what_a_child_says_cannot_pretend(void **state)
{
    static const char forged[] =
        "\1a\n2026-11-30T07:00:00.000Z error master: \x1b[2J\xc2\x9b";
    static const char stray[] = "2026-11-30T07:00:00.000Z error master: event=x\nmore";
    static const char access[] = "\5{\"a\":1\x1b}\n"
                                 "2026-11-30T07:00:00.000Z error master: event=x conn=1\n"
                                 "2026-11-30T07:00:00.000Z conn=1 id=2\n"
                                 "x\n\nno end";

    char too_long[5000];

    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "master");
    access_log_open(ends[1], LOG_KIND_FILE);
    assert_string_equal(relayed(forged, sizeof(forged) - 1) + 25,
        "error worker 3: a 2026-11-30T07:00:00.000Z error master:  [2J??\n");
    const char *lines = relayed(stray, sizeof(stray) - 1);
    assert_memory_equal(lines + 25, "error worker 3: 2026-", 21);
    assert_non_null(strstr(lines, "error worker 3: more\n"));
    assert_string_equal(relayed(access, sizeof(access) - 1),
        "{\"a\":1 }\n2026-11-30T07:00:00.000Z conn=1 id=2\n");
    memset(too_long, '{', sizeof(too_long));
    too_long[0] = 5;
    too_long[sizeof(too_long) - 1] = '\n';
    assert_string_equal(relayed(too_long, sizeof(too_long)), "");
    access_log_open(-1, LOG_KIND_FILE);
    assert_string_equal(relayed(access, sizeof(access) - 1), "");
    assert_string_equal(relayed("\4debug", 6), "");
    assert_string_equal(relayed("", 0), "");
}

static void a_child_costs_what_it_says(void **state)
{
    char lines[1000];

    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "master");
    assert_int_equal(log_relay(&origin, strcpy(lines, "\3x"), 2), LOG_LINE_COST);
    memset(lines, '\n', sizeof(lines));
    assert_in_range(log_relay(&origin, lines, sizeof(lines)), 8, 64 * LOG_LINE_COST);
    (void)written();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPE(a_child_sends_its_lines),
        cmocka_unit_test(a_child_that_ends_waits_for_a_busy_parent),
        WITH_PIPE(what_a_child_says_cannot_pretend),
        WITH_PIPE(a_child_costs_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
