#include "log_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "proxy/base/journal_entry.h"
#include "proxy/base/log_target.h"

static void a_line_has_time_level_and_who(void **state)
{
    int year, month, day, hour, minute, second, ms, end = 0;

    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "worker 3");
    log_info("conn=%d event=end", 17);
    const char *line = written();
    sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
        &second, &ms, &end);
    assert_int_equal(end, 25);
    assert_string_equal(line + end, "info worker 3: conn=17 event=end\n");
}

static void a_level_that_is_not_wanted_is_not_written(void **state)
{
    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_WARNING, "master");
    assert_false(log_enabled(LOG_LEVEL_INFO));
    log_info("no");
    log_debug("no");
    assert_string_equal(written(), "");
    log_at(LOG_LEVEL_ERROR, "yes");
    assert_non_null(strstr(written(), "error master: yes\n"));
}

static void it_knows_where_it_goes(void **state)
{
    int same = dup(ends[1]);

    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    assert_true(log_goes_to(same));
    close(same);
    assert_false(log_goes_to(same));
    assert_false(log_goes_to(STDIN_FILENO));
}

static void a_line_stays_one_line_of_bounded_length(void **state)
{
    char large[9000];

    (void)state;
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    log_info("a\nb\rc\x1b[31m%s", large);
    const char *line = written();
    assert_int_equal(strlen(line), 4096);
    assert_ptr_equal(strchr(line, '\n'), line + 4095);
    assert_null(strpbrk(line, "\r\x1b"));
}

static void no_control_character_gets_through(void **state)
{
    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    log_info("%s",
        "a\x7f"
        "b\xc2\x9b"
        "c\xc2\x80"
        "d\x9b"
        "e\xc2");
    assert_non_null(strstr(written(), "info a b  c  d?e?\n"));
    log_info("%s", "M\xc3\xbcller \xc2\xa0 \xe2\x82\xac");
    assert_non_null(strstr(written(), "info M\xc3\xbcller \xc2\xa0 \xe2\x82\xac\n"));
}

/* A confined worker has no file to read it from. */
static void the_zone_is_not_read_again(void **state)
{
    (void)state;
    setenv("TZ", "AAA-5", 1);
    tzset();
    setenv("TZ", "XYZ-5", 1);
    log_open(ends[1], LOG_KIND_SYSLOG, LOG_LEVEL_INFO, "");
    log_info("event");
    assert_string_equal(tzname[0], "AAA");
    unsetenv("TZ");
    tzset();
}

static void lines_nobody_takes_are_lost_and_counted(void **state)
{
    uint64_t before = log_lost();

    (void)state;
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    errno = ENOTTY;
    for (int i = 0; i < 10000; i++)
        log_info("event=%d", i);
    assert_int_equal(errno, ENOTTY);
    assert_true(log_lost() > before);
    while (written()[0] != '\0')
        ;
    log_info("again");
    assert_non_null(strstr(written(), "again"));
    before = log_lost();
    close(ends[0]);
    log_info("to nobody");
    assert_int_equal(log_lost(), before + 1);
    ends[0] = open("/dev/null", O_RDONLY);
}

static void a_blocking_pipe_does_not_block(void **state)
{
    uint64_t before = log_lost();

    (void)state;
    fcntl(ends[1], F_SETFL, 0);
    log_open(ends[1], LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    for (int i = 0; i < 10000; i++)
        log_info("event=%d", i);
    assert_true(log_lost() > before);
}

static void a_full_disk_only_loses_lines(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint64_t before = log_lost();

    (void)state;
    log_open(fd, LOG_KIND_FILE, LOG_LEVEL_INFO, "");
    log_info("x");
    assert_int_equal(log_lost(), before + 1);
    close(fd);
    log_info("y");
    assert_int_equal(log_lost(), before + 2);
}

/* A block holds the lines of many requests. */
static void each_lost_line_of_a_block_is_counted(void **state)
{
    struct log_target target = {.lost = 0};
    char block[2000 * 40];
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    log_target_open(&target, fd, true);
    log_target_write_block(&target, "a\nb\nc\n", 6);
    assert_int_equal(target.lost, 3);
    close(fd);
    memset(block, 'x', sizeof(block));
    for (size_t i = 0; i < 2000; i++)
        block[i * 40 + 39] = '\n';
    target.lost = 0;
    log_target_open(&target, ends[1], true);
    log_target_write_block(&target, block, sizeof(block)); /* more than the pipe takes */
    const size_t room = 64 * 1024;
    assert_int_equal(target.lost, 2000 - room / 40);
    assert_true(target.torn);
}

static void syslog_gets_datagrams_with_a_priority(void **state)
{
    int pair[2];
    char text[512] = "";

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    log_open(pair[0], LOG_KIND_SYSLOG, LOG_LEVEL_INFO, "master");
    log_warning("event=x");
    assert_true(recv(pair[1], text, sizeof(text) - 1, 0) > 0);
    assert_memory_equal(text, "<28>", 4);
    assert_non_null(strstr(text, " wlbproxy["));
    assert_string_equal(strstr(text, "]: "), "]: warning master: event=x");
    access_log_open(pair[0], LOG_KIND_SYSLOG);
    access_log_write("GET /", 5);
    memset(text, 0, sizeof(text));
    assert_true(recv(pair[1], text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(strstr(text, "]: "), "]: GET /");
    access_log_open(-1, LOG_KIND_FILE);
    uint64_t before = log_lost();
    close(pair[1]);
    log_warning("event=y");
    assert_int_equal(log_lost(), before + 1);
    close(pair[0]);
}

/* The value of a field in an entry of the journal: up to the end of its line. */
static const char *field(const char *entry, const char *name)
{
    static char value[512];
    char start[64];

    snprintf(start, sizeof(start), "\n%s=", name);
    const char *found = strstr(entry, start);
    if (found == NULL)
        return "";
    found += strlen(start);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(found, "\n"), found);
    return value;
}

static void the_journal_gets_fields(void **state)
{
    static const char child[] = "\1event=end reason=\"a \\\"b\\\" c=d\" logged_by=master "
                                "event=x conn=17 text=\"it said \"no\", to us\"";
    static const char access[] =
        "\5"
        "2026-11-30T07:00:00.000Z conn=9 status=200 agent=\"x\\\\\"\n"
        "{\"time\":\"x\",\"agent\":\" conn=1\"}\n";
    int pair[2];
    char text[16 * 1024] = "\n", copy[256], id[JOURNAL_ID_SIZE];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    log_open(pair[0], LOG_KIND_JOURNAL, LOG_LEVEL_INFO, "master");
    access_log_open(pair[0], LOG_KIND_JOURNAL);
    log_warning("event=reload_refused reason=\"%s\"", "a\nb");
    text[1 + recv(pair[1], text + 1, sizeof(text) - 2, 0)] = '\0';
    assert_string_equal(
        field(text, "MESSAGE"), "warning master: event=reload_refused reason=\"a b\"");
    assert_string_equal(field(text, "PRIORITY"), "4");
    assert_string_equal(field(text, "SYSLOG_IDENTIFIER"), "wlbproxy");
    assert_string_equal(field(text, "WLBPROXY_EVENT"), "reload_refused");
    assert_string_equal(field(text, "WLBPROXY_REASON"), "a b");
    assert_string_equal(field(text, "WLBPROXY_LOGGED_BY"), "master");
    journal_message_id(id, "reload_refused", 14);
    assert_string_equal(field(text, "MESSAGE_ID"), id);

    memcpy(copy, child, sizeof(child) - 1);
    (void)log_relay(&origin, copy, sizeof(child) - 1);
    text[1 + recv(pair[1], text + 1, sizeof(text) - 2, 0)] = '\0';
    assert_string_equal(field(text, "WLBPROXY_REASON"), "a \\\"b\\\" c=d");
    assert_string_equal(field(text, "WLBPROXY_TEXT"), "it said \"no\", to us");
    assert_string_equal(field(text, "WLBPROXY_CONN"), "17");
    assert_string_equal(field(text, "SYSLOG_PID"), "77");
    assert_string_equal(field(text, "WLBPROXY_LOGGED_BY"), "worker 3");
    assert_null(strstr(text, "\nWLBPROXY_LOGGED_BY=master"));
    assert_null(strstr(text, "\nWLBPROXY_EVENT=x"));
    assert_null(strstr(text, "\nWLBPROXY_C="));

    memcpy(copy, access, sizeof(access) - 1);
    (void)log_relay(&origin, copy, sizeof(access) - 1);
    text[1 + recv(pair[1], text + 1, sizeof(text) - 2, 0)] = '\0';
    assert_string_equal(field(text, "WLBPROXY_EVENT"), "request");
    assert_string_equal(field(text, "WLBPROXY_STATUS"), "200");
    assert_string_equal(field(text, "WLBPROXY_AGENT"), "x\\\\");
    text[1 + recv(pair[1], text + 1, sizeof(text) - 2, 0)] = '\0';
    assert_string_equal(field(text, "WLBPROXY_EVENT"), "request");
    assert_null(strstr(text, "WLBPROXY_CONN"));
    access_log_open(-1, LOG_KIND_FILE);
    close(pair[0]);
    close(pair[1]);
}

/* Alerts and `journalctl MESSAGE_ID=...` of administrators rely on these. */
static void message_ids_do_not_change(void **state)
{
    char id[JOURNAL_ID_SIZE];

    (void)state;
    journal_message_id(id, "worker_died", 11);
    assert_string_equal(id, "3a2d357da5a780088e3ba9d4aab4e64f");
    journal_message_id(id, "request", 7);
    assert_string_equal(id, "48650c9de3548578a88cd3f7cfd2cd6a");
}

static void an_entry_that_is_too_long_keeps_its_message(void **state)
{
    static char message[JOURNAL_ENTRY_MAX - 400];
    char bytes[JOURNAL_ENTRY_MAX];
    const struct journal_entry entry = {
        .who = "", .message = message, .len = sizeof(message)};

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = "a=bcdefg "[i % 9];
    const size_t len = journal_entry_write(&entry, bytes);
    assert_in_range(len, sizeof(message), JOURNAL_ENTRY_MAX);
    assert_memory_equal(bytes + 8, message, sizeof(message));
    assert_int_equal(bytes[len - 1], '\n');
}

static void the_access_log_is_its_own(void **state)
{
    (void)state;
    assert_false(access_log_enabled());
    access_log_write("lost", 4);
    access_log_open(ends[1], LOG_KIND_FILE);
    assert_true(access_log_enabled());
    access_log_write("{\"a\":1}", 7);
    assert_string_equal(written(), "{\"a\":1}\n");
    access_log_open(-1, LOG_KIND_FILE);
}

static void quoted_text_cannot_pretend(void **state)
{
    static const struct {
        const char *text;
        size_t len, size;
        const char *quoted;
    } cases[] = {
        {"plain", 5, 64, "\"plain\""},
        {"a\"b\\c", 5, 64, "\"a\\\"b\\\\c\""},
        {"\n\0\x7f\xff", 4, 64, "\"\\x0a\\x00\\x7f\\xff\""},
        {"too long", 8, 6, "\"too\""},
        {"a\n", 2, 7, "\"a\""},
        {"", 0, 3, "\"\""},
        {"x", 1, 2, "\"\""},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(
            log_quote(out, cases[i].size, cases[i].text, cases[i].len), cases[i].quoted);
    assert_string_equal(
        log_quoted("held by a\" x=\"b").text, "\"held by a\\\" x=\\\"b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPE(a_line_has_time_level_and_who),
        WITH_PIPE(a_level_that_is_not_wanted_is_not_written),
        WITH_PIPE(it_knows_where_it_goes),
        WITH_PIPE(a_line_stays_one_line_of_bounded_length),
        WITH_PIPE(no_control_character_gets_through),
        WITH_PIPE(the_zone_is_not_read_again),
        WITH_PIPE(lines_nobody_takes_are_lost_and_counted),
        WITH_PIPE(a_blocking_pipe_does_not_block),
        WITH_PIPE(a_full_disk_only_loses_lines),
        WITH_PIPE(syslog_gets_datagrams_with_a_priority),
        cmocka_unit_test(the_journal_gets_fields),
        cmocka_unit_test(message_ids_do_not_change),
        cmocka_unit_test(an_entry_that_is_too_long_keeps_its_message),
        WITH_PIPE(each_lost_line_of_a_block_is_counted),
        WITH_PIPE(the_access_log_is_its_own),
        cmocka_unit_test(quoted_text_cannot_pretend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
