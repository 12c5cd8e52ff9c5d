/* config/settings: the text of every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "proxy/base/error.h"

#define IN_A "[a]\naccept = 1\n"

static const struct {
    const char *text, *message;
} refusals[] = {
    /* lines */
    {"nonsense", "f:1: 'nonsense' is not of the form 'name = value'"},
    {"\n\nnonsense ; = 4", "f:3: 'nonsense' is not of the form 'name = value'"},
    {"connect 127.0.0.1:8013",
        "f:1: 'connect 127.0.0.1' is not of the form 'name = value'"},
    {"= 3", "f:1: there is no name before the '='"},
    {"user =", "f:1: user: there is no value after the '='"},
    {"user = ; wlb", "f:1: user: there is no value after the '='"},
    {"user = w\x01lb", "f:1: control byte 0x01 at column 9: this is not plain text"},
    {"-----BEGIN CERTIFICATE-----\n",
        "f:1: '-----BEGIN CERTIFICATE-----' is not of the form 'name = value'"},
    /* sections */
    {"[wlb", "f:1: '[wlb' lacks its closing ']'"},
    {"[]",
        "f:1: '[]' is no section: its name is made of letters, digits, '_', '-' and '.'"},
    {"[a b]",
        "f:1: '[a b]' is no section: its name is made of letters, digits, '_', '-' and "
        "'.'"},
    {"[a] b = c", "f:1: 'b = c' stands after the section's name"},
    {"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
        "f:1: a section's name has at most 40 letters"},
    {IN_A "[b]\naccept = 2\n[a]\n", "f:5: there is a section [a] already, on line 1"},
    {"[a]\n[b]\naccept = 1\n", "f:2: the section [a] of line 1 has no options"},
    {"workers = 1\n\n[a]\n; nothing\n", "f: the section [a] of line 3 has no options"},
    /* names of options */
    {"idel_timeout = 75s",
        "f:1: there is no option 'idel_timeout'; did you mean "
        "'idle_timeout'?"},
    {"Workers = 1", "f:1: there is no option 'Workers'; did you mean 'workers'?"},
    {"max-head = 1k", "f:1: there is no option 'max-head'; did you mean 'max_head'?"},
    {"TIMEOUTclose = 0",
        "f:1: there is no option 'TIMEOUTclose'; 'wlbproxy options' "
        "lists them all"},
    {"workers = 1\n\nworkers = 1\n",
        "f:3: workers is repeated: it stands on line 1 already"},
    {IN_A "idle_timeout = 1s\nidle_timeout = 1s\n",
        "f:4: idle_timeout is repeated: it stands on line 3 already"},
    {"accept = 1\naccept = 1\n", "f:2: accept: '1' is there already"},
    {IN_A "workers = 1\n",
        "f:3: workers is not an option of one service: write it before "
        "the first [section]"},
    /* numbers */
    {"workers = 0", "f:1: workers: '0' is not between 1 and 256"},
    {"workers = 257", "f:1: workers: '257' is not between 1 and 256"},
    {"workers = many", "f:1: workers: 'many' is not a number, nor auto"},
    {"workers = 4x", "f:1: workers: '4x' is not a number, nor auto"},
    {"connect = 127.0.0.1:8013 wieght=2",
        "f:1: connect: 'wieght=2' is not one of the words that may follow an address: "
        "weight=N, backup"},
    {"connect = 127.0.0.1:8013 weight=0",
        "f:1: connect: '0': a weight is a number from 1 to 100"},
    {"connect = unix:/x weight=101",
        "f:1: connect: '101': a weight is a number from 1 to 100"},
    {"connect = https://wlb:8013",
        "f:1: connect: 'https://wlb:8013': write tls:host:port, without 'https://'"},
    {"connect = tls:wlb",
        "f:1: connect: 'wlb': the port is missing: write host:port or "
        "unix:/path"},
    {IN_A "backend_ca = /ca\n",
        "f:3: backend_ca has no effect without TLS to the backend: write connect = "
        "tls:host:port"},
    {IN_A "connect = tls:b:443\nbackend_verify = off\nbackend_pins = /pin\n",
        "f:5: backend_pins has no effect while backend_verify = off"},
    {IN_A "connect = tls:b:443\nbackend_key = /key\n",
        "f:4: backend_key needs its certificate: backend_cert = FILE"},
    {IN_A "connect = tls:unix:/s\n",
        "f:3: connect tls:unix:/s: a socket has no host name that its certificate could "
        "be checked for; add: backend_name = NAME"},
    {IN_A "connect = tls:unix:/s\nbackend_pins = /pin\nbackend_ca = /ca\n",
        "f:3: connect tls:unix:/s: a socket has no host name that its certificate could "
        "be checked for; add: backend_name = NAME"},
    {"max_connections = -1", "f:1: max_connections: '-1' is not a number"},
    {"max_connections = 99999999999999999999999",
        "f:1: max_connections: '99999999999999999999999' is not between 1 and 1000000"},
    {"idle_timeout = 75", "f:1: idle_timeout: '75' needs a unit: ms, s, m, h or d"},
    {"idle_timeout = 75 sec",
        "f:1: idle_timeout: '75 sec' does not end in a unit: ms, s, m, h or d"},
    {"idle_timeout = soon",
        "f:1: idle_timeout: 'soon' is not a duration, such as 30s, 11m, 500ms"},
    {"idle_timeout = 0", "f:1: idle_timeout: '0' is not between 100ms and 1d"},
    {"idle_timeout = 99999999999999999d",
        "f:1: idle_timeout: '99999999999999999d' is not between 100ms and 1d"},
    {"batch_hold = 250", "f:1: batch_hold: '250' needs a unit: us or ms"},
    {"batch_hold = 3ms", "f:1: batch_hold: '3ms' is not between 0 and 2ms"},
    {"max_head = 65536", "f:1: max_head: '65536' needs a unit: b, k, m or g"},
    {"max_head = 64K", "f:1: max_head: '64K' does not end in a unit: b, k, m or g"},
    {"max_head = 2m", "f:1: max_head: '2m' is not between 1k and 1m"},
    {"max_head = k", "f:1: max_head: 'k' is not a size, such as 64k, 8m"},
    /* words */
    {"watch = yes", "f:1: watch: 'yes' is not off or on"},
    {"protocol = htpp", "f:1: protocol: 'htpp' is not http or tcp; did you mean 'http'?"},
    {"log_level = warn",
        "f:1: log_level: 'warn' is not error, warning, info or debug; did you mean "
        "'warning'?"},
    /* texts */
    {"log = wlb.log",
        "f:1: log: 'wlb.log' is not an absolute path (one that begins with "
        "'/'), nor 'stderr', nor 'syslog', nor 'journal'"},
    {"cert = \"/etc/c.pem\"", "f:1: cert: \"/etc/c.pem\": write it without quotes"},
    {"cert = /etc/ssl/certs/",
        "f:1: cert: '/etc/ssl/certs/' names a directory, not a file"},
    {"ca = ca.pem",
        "f:1: ca: 'ca.pem' is not an absolute path (one that begins with '/')"},
    {"ciphers = A;B", "f:1: ciphers: 'A;B' has a ';' in it, which cannot be right"},
    {"groups = P-256 P-384",
        "f:1: groups: 'P-256 P-384' has a ' ' in it, which cannot be right"},
    {"allow = 10.0.0.1/8",
        "f:1: allow: '10.0.0.1/8' has more bits set than its length says"},
    {"deny = localhost",
        "f:1: deny: 'localhost' is not an address, nor a network as 192.0.2.0/24"},
    {"paths = get /x",
        "f:1: paths: 'get /x' does not begin with methods as GET,POST, nor with a /"},
    {"sni = a b", "f:1: sni: 'a b' is not a host name, nor '*.' and a domain"},
    {"sni = *", "f:1: sni: '*' is not a host name, nor '*.' and a domain"},
    {"sni = a..b", "f:1: sni: 'a..b' is not a host name, nor '*.' and a domain"},
    {"user = \xc3\xa9",
        "f:1: user: '\\xc3\\xa9' has a '\\xc3' in it, which cannot be "
        "right"},
    {"accept = 0",
        "f:1: accept: '0': it is neither a port from 1 to 65535 nor address:port"},
    {"health = ping",
        "f:1: health: 'ping' is not off, connect, or a request: GET, HEAD or OPTIONS and "
        "a path"},
    {"health = POST /x",
        "f:1: health: 'POST /x' is not off, connect, or a request: GET, HEAD or OPTIONS "
        "and a path"},
    {"health = GET http://x/",
        "f:1: health: 'http://x/' is not a path: it begins with '/', has no blanks, and "
        "what URLs cannot have is written as %XX"},
    {"health = GET /a b",
        "f:1: health: '/a b' is not a path: it begins with '/', has no blanks, and "
        "what URLs cannot have is written as %XX"},
    {"health_status = 2xx",
        "f:1: health_status: '2xx' is no list of statuses from 200 to 599, as 200-399 or "
        "200,204,401"},
    {"health_status = 200,",
        "f:1: health_status: '200,' is no list of statuses from 200 to 599, as 200-399 "
        "or 200,204,401"},
    {"health_status = 399-200",
        "f:1: health_status: '399-200' is no list of statuses from 200 to 599, as "
        "200-399 or 200,204,401"},
    {"health_rise = 0", "f:1: health_rise: '0' is not between 1 and 100"},
    /* faults that no single line shows */
    {IN_A "cert = /a\ncert = /b\nkey = /a\n",
        "f:5: [a] has 2 cert and 1 key: each cert needs its key, in the same order (for "
        "a "
        "merged file, the same path twice)"},
    {"key = /k\n" IN_A "cert = /a\ncert = /b\nkey = /a\n",
        "f:6: [a] has 2 cert and 1 key: each cert needs its key, in the same order (for "
        "a "
        "merged file, the same path twice)"},
    {IN_A "verify = required\n",
        "f:3: [a] verifies clients, but neither ca nor verify_pins says which"},
    {IN_A "ca = /ca.pem\n",
        "f:3: ca has no effect while verify = off: write verify = required or optional"},
    {IN_A "crl = /crl.pem\n",
        "f:3: crl has no effect while verify = off: write verify = required or optional"},
    {IN_A "verify_depth = 2\n",
        "f:3: verify_depth has no effect while verify = off: write verify = required or "
        "optional"},
    {IN_A "protocol = tcp\nmax_head = 1k\n",
        "f:4: max_head means nothing where protocol = tcp"},
    {"[a]\nprotocol = http\n[b]\nprotocol = http\n",
        "f:3: [b] accepts on 8012, as [a] does: give one of them sni = NAME, or another "
        "address"},
    {"[a]\naccept = 8012\n[b]\n\naccept = 0.0.0.0:8012\n",
        "f:5: [b] accepts on 0.0.0.0:8012, as [a] does: give one of them sni = NAME, or "
        "another address"},
    {IN_A "accept = [::]:1\n", "f:2: [a]: accept 1 and [::]:1 are one address"},
    {IN_A "accept = localhost:2\naccept = LOCALHOST:2\n",
        "f:2: [a]: accept localhost:2 and LOCALHOST:2 are one address"},
    {IN_A "sni = x\n",
        "f:3: [a] is chosen by sni, but no service without sni accepts on 1 for all "
        "other "
        "clients (XenServer's among them)"},
    {IN_A "[b]\naccept = 1\nsni = x\n[c]\naccept = 1\nsni = y\nsni = X\n",
        "f:8: [b] answers to the name 'x' already"},
};

static void every_fault_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct error err = {""};

        if (settings_parse(refusals[i].text, "f", &err) != NULL)
            fail_msg("accepted: %s", refusals[i].text);
        assert_string_equal(err.text, refusals[i].message);
    }
}

static char *repeated(const char *piece, size_t times)
{
    char *text = calloc(times, strlen(piece) + 1);
    char *end = text;

    for (size_t i = 0; i < times; i++)
        end = stpcpy(end, piece);
    return text;
}

static void assert_refused(char *text, const char *message)
{
    struct error err = {""};

    assert_null(settings_parse(text, "f", &err));
    assert_string_equal(err.text, message);
    free(text);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    char *text;
    char *end;

    (void)state;
    assert_refused(repeated("x", 4001), "f:1: the line is longer than 4000 bytes");

    text = repeated("x", 1040);
    memcpy(text, "ciphers = ", 10);
    assert_refused(text,
        "f:1: ciphers: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is longer than 1024 "
        "bytes");

    text = repeated("y", 120);
    memcpy(text, "control = /", 11);
    assert_refused(text,
        "f:1: control: '/yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...' is longer than 107 bytes");

    text = end = calloc(66, 20);
    for (int i = 0; i < 65; i++)
        end += sprintf(end, "sni = n%d\n", i);
    assert_refused(text, "f:65: sni: there are more than 64 of them");

    text = end = calloc(1026, 40);
    for (int i = 0; i < 1025; i++)
        end += sprintf(end, "[s%d]\naccept = %d\n", i, i + 1);
    assert_refused(text, "f:2049: there are more than 1024 sections");
}

static const char *scratch(const char *name)
{
    static char path[64];
    const char *directory = getenv("TMPDIR");

    snprintf(path, sizeof(path), "%.30s/wlb-%d-%s", directory ? directory : "/tmp",
        (int)getpid(), name);
    return path;
}

static void assert_load_refused(const char *path, bool optional, const char *fact)
{
    struct error err = {""};
    char message[200];

    snprintf(message, sizeof(message), "%s%s", path, fact);
    assert_null(settings_load(path, optional, &err));
    assert_string_equal(err.text, message);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void files_are_read_with_care(void **state)
{
    const char *path = scratch("conf");
    char *big = repeated("; filling\n", 110000);
    struct error err;
    struct settings *settings;

    (void)state;
    assert_load_refused(path, false, ": cannot be opened: No such file or directory");
    settings = settings_load(path, true, &err);
    assert_non_null(settings);
    settings_free(settings);

    write_file(path, "workers = 7\n", 12);
    settings = settings_load(path, false, &err);
    assert_int_equal(settings->workers, 7);
    settings_free(settings);

    write_file(path, "\nwo\0rk", 6);
    assert_load_refused(
        path, false, ": line 2 has a NUL byte: save the file as plain text (UTF-8)");
    write_file(path, "\nwork = 1", 9);
    assert_load_refused(
        path, true, ":2: there is no option 'work'; did you mean 'workers'?");
    write_file(path, big, strlen(big));
    assert_load_refused(path, true, ": larger than 1 MiB: this is no configuration");
    unlink(path);

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_load_refused(path, true, ": this is not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_load_refused(path, true, ": this is a directory, not a file");
    rmdir(path);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_refused_in_words),
        cmocka_unit_test(a_text_that_is_too_long_is_refused),
        cmocka_unit_test(files_are_read_with_care),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
