/* proxy/command: output and exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "config/settings.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/command.h"
#include "proxy/command/print.h"
#include "proxy/command/status_print.h"
#include "proxy/master/plan.h"

/* Output on stdout and stderr since capture_begin(). */
static char captured[2][64 * 1024];
static int saved[2], memory[2];

static void capture_begin(void)
{
    for (int i = 0; i < 2; i++) {
        fflush(i == 0 ? stdout : stderr);
        saved[i] = dup(1 + i);
        memory[i] = memfd_create("captured", MFD_CLOEXEC);
        dup2(memory[i], 1 + i);
    }
}

static void capture_end(void)
{
    for (int i = 0; i < 2; i++) {
        ssize_t len;

        fflush(i == 0 ? stdout : stderr);
        dup2(saved[i], 1 + i);
        close(saved[i]);
        len = pread(memory[i], captured[i], sizeof(captured[i]) - 1, 0);
        captured[i][len > 0 ? len : 0] = '\0';
        close(memory[i]);
    }
}

/* Up to five words after the program's name. */
static int wlbproxy(const char *words)
{
    char *line = strdup(words);
    char *argv[8] = {"wlbproxy"};
    int argc = 1, status;

    for (char *word = strtok(line, " "); word && argc < 7; word = strtok(NULL, " "))
        argv[argc++] = word;
    capture_begin();
    status = command_dispatch(argc, argv);
    capture_end();
    free(line);
    return status;
}

static const struct {
    const char *words, *complaint;
} faults[] = {
    {"chek", "wlbproxy: there is no command 'chek'; did you mean 'check'?\n"},
    {"xyzzy", "wlbproxy: there is no command 'xyzzy'; see wlbproxy --help\n"},
    {"--jsn", "wlbproxy run: there is no option '--jsn'; see wlbproxy run --help\n"},
    {"-x", "wlbproxy run: there is no option '-x'; see wlbproxy run --help\n"},
    {"run extra",
        "wlbproxy run: there is one word too many: 'extra'; see wlbproxy run --help\n"},
    {"reload --jsn",
        "wlbproxy reload: there is no option '--jsn'; did you mean '--json'?\n"},
    {"check -c",
        "wlbproxy check: a value is missing after '-c'; see wlbproxy check --help\n"},
    {"migrate",
        "wlbproxy migrate: an operand is missing: 'STUNNEL.CONF'; see wlbproxy "
        "migrate --help\n"},
    {"migrate /no/such.conf",
        "wlbproxy migrate: /no/such.conf: cannot be opened: No such file or directory\n"},
    {"check -c /no/such.conf",
        "wlbproxy check: /no/such.conf: cannot be opened: No such file or directory\n"},
};

static void assert_fits_80_columns(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        if (len >= 80)
            fail_msg("too long: %.*s", (int)len, text);
        if (len > 0 && text[len - 1] == ' ')
            fail_msg("ends in a space: %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* One sentence, however many lines it takes. */
static void usage_errors_are_one_sentence_and_exit_2(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(wlbproxy(faults[i].words), EXIT_FAILED);
        assert_fits_80_columns(captured[1]);
        for (char *at = captured[1]; (at = strchr(at, '\n')) != NULL && at[1] != '\0';)
            *at = ' ';
        assert_string_equal(captured[1], faults[i].complaint);
        assert_string_equal(captured[0], "");
    }
}

/* An option and its value, in brackets, stay together. */
static void assert_usage_breaks_between_brackets(const char *text)
{
    const char *end = strncmp(text, "usage: ", 7) == 0 ? strstr(text, "\n\n") : text;
    int depth = 0;

    assert_non_null(end);
    for (; text < end; text++) {
        depth += (*text == '[') - (*text == ']');
        if (*text == '\n' && depth != 0)
            fail_msg("a line ends within brackets: %s", text);
    }
    assert_int_equal(depth, 0);
}

static void every_command_has_help(void **state)
{
    static const char *const commands[] = {"--help", "-h", "help", "run --help",
        "check -h", "reload --help", "status --help", "migrate --help", "options --help",
        "options", "cert --help", "cert show --help", "cert check --help",
        "cert create --help", "cert request --help", "cert install --help",
        "cert rollback --help", "cert export-for-pool --help"};

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_int_equal(wlbproxy(commands[i]), EXIT_DONE);
        assert_true(strlen(captured[0]) > 100);
        assert_string_equal(captured[1], "");
        assert_fits_80_columns(captured[0]);
        assert_usage_breaks_between_brackets(captured[0]);
    }
    assert_int_equal(wlbproxy("--version"), EXIT_DONE);
    assert_string_equal(captured[0], "wlbproxy " WLB_VERSION "\n");
}

static void nobody_to_ask_is_told(void **state)
{
    (void)state;
    assert_int_equal(wlbproxy("status --control /no/such.sock"), EXIT_FAILED);
    assert_non_null(strstr(captured[1], "wlbproxy status: /no/such.sock: "));
    assert_int_equal(wlbproxy("reload --control /no/such.sock"), EXIT_FAILED);
    assert_non_null(strstr(captured[1], "wlbproxy reload: /no/such.sock: "));
}

static void spans_and_sizes_read_well(void **state)
{
    static const struct {
        uint64_t number;
        const char *span, *bytes;
    } table[] = {
        {0, "0s", "0 B"},
        {59, "59s", "59 B"},
        {61, "1m 1s", "61 B"},
        {7260, "2h 1m", "7.3 kB"},
        {93600, "1d 2h", "93.6 kB"},
        {999949, "11d 13h", "999.9 kB"},
        {999999, "11d 13h", "1.0 MB"},
        {123456789012, "1428898d 0h", "123.5 GB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[SPAN_MAX];

        span_text(table[i].number, text);
        assert_string_equal(text, table[i].span);
        bytes_text(table[i].number, text);
        assert_string_equal(text, table[i].bytes);
    }
}

static void long_text_is_wrapped_under_its_lead(void **state)
{
    char text[400] = "";

    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(text, i == 29 ? "end" : "lorem ipsum ");
    capture_begin();
    print_wrapped(stdout, "    why:  ", text);
    print_wrapped(stdout, "", "");
    capture_end();
    assert_memory_equal(captured[0], "    why:  lorem", 15);
    assert_non_null(strstr(captured[0], "\n          "));
    assert_null(strstr(captured[0], "\n           "));
    assert_fits_80_columns(captured[0]);
}

static const char status_json[] =
    "{'ok': true, 'version': '1.0.0', 'pid': 812, 'uptime': 93600, 'generation': 7,"
    " 'started': '2026-11-22T03:40:29Z', 'config': '/etc/wlbproxy/wlbproxy.conf',"
    " 'crypto': 'batched', 'reload_pending': true,"
    " 'last_reload': {'ok': false, 'when': '2026-11-22T03:40:29Z', 'error': 'no key'},"
    " 'services': [{'name': 'wlb', 'accept': ['[::]:8012'], 'protocol': 'http',"
    "   'backends': [{'address': '127.0.0.1:8013', 'up': true, 'weight': 1,"
    "     'backup': false, 'active': 0},"
    "     {'address': '127.0.0.1:8014', 'up': false, 'weight': 3, 'backup': true,"
    "      'active': 2}],"
    "   'connect': ['127.0.0.1:8013', '127.0.0.1:8014'], 'differs': true,"
    "   'certificates': [{'file': '/etc/ssl/certs/server.pem', 'subject': 'CN=a',"
    "     'names': 'a', 'issuer': 'CN=ca', 'serial': '0A', 'sha256': 'ab', 'key': 'RSA "
    "2048',"
    "     'not_after': '2026-11-20T00:00:00Z', 'days_left': -2, 'chain_len': 3}],"
    "   'disk': [{'subject': 'CN=b', 'not_after': '2027-11-20T00:00:00Z', 'serial': "
    "'0B'}]}],"
    " 'generations': [{'generation': 6, 'age': 61, 'connections': 2, 'current': false},"
    "   {'generation': 7, 'age': 5, 'connections': 40, 'current': true}],"
    " 'workers': [{'worker': 0, 'pid': 813, 'generation': 7, 'uptime': 5, 'restarts': 1,"
    "   'answers': true, 'connections': 42},"
    "   {'worker': 1, 'restarts': 0, 'answers': false}],"
    " 'counters': {'accepted': 42, 'bytes_to_clients': 1500000, 'requests': 0,"
    "   'handshakes_full': 30, 'handshakes_resumed': 10, 'handshakes_failed': 3},"
    " 'tls': {'versions': {'TLSv1.3': 38, 'TLSv1.2': 2, 'other': 0},"
    "   'groups': {'X25519MLKEM768': 0, 'X25519': 38, 'P-384': 2},"
    "   'ciphers': {'TLS_AES_128_GCM_SHA256': 38, 'ECDHE-RSA-AES256-GCM-SHA384': 1,"
    "     'ECDHE-ECDSA-AES256-GCM-SHA384': 1}, 'signatures': {'RSA': 30, 'none': 10},"
    "   'failures': {'no-common-group': 2, 'unknown-ca': 1, 'gone': 0}},"
    " 'ends': {'done': 3, 'never': 0}}";

static size_t longest_line(const char *text)
{
    size_t longest = 0;

    for (; *text != '\0'; text += strcspn(text, "\n") + (strchr(text, '\n') != NULL)) {
        if (strcspn(text, "\n") > longest)
            longest = strcspn(text, "\n");
    }
    return longest;
}

/* A certificate's texts may have any length. */
static void lists_and_monsters_stay_within_the_columns(void **state)
{
    char text[20000] = "CN=";

    (void)state;
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "host%d.example.com,", i);
    capture_begin();
    print_wrapped(stdout, "    names    ", text);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    print_wrapped(stdout, "    subject  ", text);
    capture_end();
    assert_true(longest_line(captured[0]) <= PRINT_COLUMNS);
    assert_non_null(strstr(captured[0], "host99.example.com,"));
    assert_non_null(strstr(captured[0], "aaa... (19999 characters)"));
}

/* A path must be copyable. */
static void a_path_is_not_broken(void **state)
{
    char text[300] = "see /";

    (void)state;
    memset(text + 5, 'p', 250);
    capture_begin();
    print_wrapped(stdout, "  ", text);
    capture_end();
    assert_non_null(strstr(captured[0], text + 4));
}

static void status_reads_well(void **state)
{
    static const char *const lines[] = {
        "wlbproxy 1.0.0, pid 812, up 1d 2h, serving generation 7\n",
        "reload   2026-11-22T03:40:29Z, REFUSED: no key\n",
        "PENDING  what is on disk differs from what is served: wlbproxy reload\n",
        "    valid    EXPIRED since 2026-11-20T00:00:00Z\n",
        ("  on disk: DIFFERS, reload pending: CN=b, until 2027-11-20T00:00:00Z, serial "
         "0B\n"),
        "    key      RSA 2048, 3 certificates sent\n",
        "backend  [wlb] 127.0.0.1:8013: no complaint\n",
        "backend  [wlb] 127.0.0.1:8014: DOWN, backup, weight 3, 2 busy connections\n",
        "7            40           5s  (current)\n",
        "DOES NOT ANSWER\n",
        "accepted                          42   handshakes full",
        "bytes to clients              1.5 MB   backend connects",
        "handshakes: 30 full, 10 resumed, 3 failed\n",
        "version    TLSv1.3=38 TLSv1.2=2\n",
        "group      X25519=38 P-384=2\n",
        "signature  RSA=30 none=10\n",
        "failure    no-common-group=2 unknown-ca=1\n",
        "how connections ended\ndone                               3\n",
    };
    char text[sizeof(status_json)];
    json_t *status;

    (void)state;
    for (size_t i = 0; i < sizeof(status_json); i++)
        text[i] = status_json[i] == '\'' ? '"' : status_json[i];
    status = json_loads(text, 0, NULL);
    assert_non_null(status);
    capture_begin();
    status_print(status);
    capture_end();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strstr(captured[0], lines[i]) == NULL)
            fail_msg("not there: %s\n%s", lines[i], captured[0]);
    }
    assert_fits_80_columns(captured[0]);
    json_decref(status);
}

static void findings_begin_with_the_worst(void **state)
{
    json_t *findings =
        json_pack("[{ssss}{ssssssss}]", "severity", "note", "fact", "trifle", "severity",
            "refused", "file", "/k.pem", "fact", "wrong key", "remedy", "turn it");

    (void)state;
    capture_begin();
    print_findings(stdout, findings);
    capture_end();
    assert_string_equal(
        captured[0], "refused  /k.pem: wrong key\n    mend: turn it\nnote     trifle\n");
    assert_true(is_told_by_a_finding("x: wrong key; turn it", findings));
    assert_false(is_told_by_a_finding("no memory", findings));
    json_decref(findings);
}

static const struct {
    const char *config, *id;
} xapi_cases[] = {
    {"", NULL},
    {"groups = X25519:P-384", NULL},
    {"groups = ?X25519MLKEM768/*secp384R1", NULL},
    {"groups = X25519:P-256", "no-p384"},
    {"groups = P-3845", "no-p384"},
    {"tls_min = 1.3", "tls13-only"},
    {"ciphers = ECDHE-RSA-AES128-GCM-SHA256", NULL},
    {"ciphers = HIGH", NULL},
    {"ciphers = no-such-cipher", NULL}, /* reported when the context is made */
    {"ciphers = ECDHE-ECDSA-AES128-GCM-SHA256", "no-xapi-cipher"},
    {"verify = required\nca = /ca.pem", "client-certificate-required"},
};

static void settings_that_lock_xenserver_out_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(xapi_cases) / sizeof(xapi_cases[0]); i++) {
        struct findings findings;
        struct settings *settings = settings_parse(xapi_cases[i].config, "f", NULL);

        findings_init(&findings);
        judge_service(&settings->services[0], NULL, 0, &findings);
        assert_int_equal(findings.count, xapi_cases[i].id != NULL ? 1 : 0);
        if (xapi_cases[i].id != NULL)
            assert_string_equal(findings.items[0].id, xapi_cases[i].id);
        findings_destroy(&findings);
        settings_free(settings);
    }
}

static void any_text_becomes_json(void **state)
{
#define NONE "\xef\xbf\xbd"
    static const char *const rows[][2] = {
        {"", ""},
        {"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x94\x92", NULL},
        {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", NULL},
        {"\xff", NONE},
        {"a\xc3", "a" NONE},
        {"\xe4\xb8!", NONE NONE "!"},
        {"\x9b\xc3\xa9", NONE "\xc3\xa9"},
        {"\xc0\xaf\xe0\x80\xaf", NONE NONE NONE NONE NONE},
        {"\xed\xa0\x80", NONE NONE NONE},
        {"\xf4\x90\x80\x80", NONE NONE NONE NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *wanted = rows[i][1] != NULL ? rows[i][1] : rows[i][0];
        json_t *json = utf8_json(rows[i][0]);

        assert_string_equal(json_string_value(json), wanted);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_text_becomes_json),
        cmocka_unit_test(usage_errors_are_one_sentence_and_exit_2),
        cmocka_unit_test(every_command_has_help),
        cmocka_unit_test(nobody_to_ask_is_told),
        cmocka_unit_test(spans_and_sizes_read_well),
        cmocka_unit_test(long_text_is_wrapped_under_its_lead),
        cmocka_unit_test(lists_and_monsters_stay_within_the_columns),
        cmocka_unit_test(a_path_is_not_broken),
        cmocka_unit_test(status_reads_well),
        cmocka_unit_test(findings_begin_with_the_worst),
        cmocka_unit_test(settings_that_lock_xenserver_out_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
