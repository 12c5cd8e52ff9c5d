/* Files and handshakes that a helper takes apart: what it makes of them, and what comes
 * of it when it was taken over. This program is executed as the helper; the password says
 * how it lies. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/read/collect.h"
#include "config/remedy.h"
#include "proxy/base/clock.h"
#include "proxy/base/sandbox.h"
#include "proxy/command/apart.h"
#include "proxy/ipc/wire.h"
#include "tests/unit/pki.h"

static EVP_PKEY *key;
static X509 *leaf;

static int make_world(void **state)
{
    (void)state;
    key = pki_key("RSA:2048", 0);
    leaf = pki_certificate(&(struct pki_request){.subject = "leaf"}, key, NULL, NULL);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    X509_free(leaf);
    return 0;
}

/* ---- the helper that was taken over ---- */

static void put_item(struct wire_writer *w, uint32_t kind, const char *format,
    uint32_t line, const char *label, const char *der)
{
    wire_put_u32(w, kind);
    wire_put_text(w, format);
    wire_put_u32(w, line);
    wire_put_text(w, label);
    wire_put_bytes(w, der, strlen(der));
}

static void put_finding(struct wire_writer *w, uint32_t severity, const char *fact)
{
    wire_put_text(w, "lie");
    wire_put_u32(w, severity);
    wire_put_u32(w, 1);
    wire_put_text(w, fact);
    wire_put_text(w, NULL);
    wire_put_text(w, "do this: " COMMAND("cat FILE") "\x1b[2J");
}

static bool opens_a_file(void)
{
    static const char *const paths[] = {"/etc/passwd", "/", ".", "/proc/self/maps"};
    bool opened = false;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        opened |= open(paths[i], O_RDONLY) >= 0;
    return opened;
}

static size_t lie(const char *how, struct wire_writer *w)
{
    if (strcmp(how, "crash") == 0)
        abort();
    if (strcmp(how, "no-der") == 0) {
        wire_put_u32(w, 1);
        put_item(w, COLLECTED_CERTIFICATE, "PEM", 1, "CERTIFICATE", "not DER");
        wire_put_u32(w, 0);
    } else if (strcmp(how, "kind") == 0) {
        wire_put_u32(w, 1);
        put_item(w, 77, "PEM", 1, "CERTIFICATE", "");
        wire_put_u32(w, 0);
    } else if (strcmp(how, "format") == 0) {
        wire_put_u32(w, 1);
        put_item(w, COLLECTED_OTHER, "\x1b[2J", 1, "X", "");
        wire_put_u32(w, 0);
    } else if (strcmp(how, "line") == 0) {
        wire_put_u32(w, 1);
        put_item(w, COLLECTED_OTHER, "PEM", UINT32_MAX, "X", "");
        wire_put_u32(w, 0);
    } else if (strcmp(how, "count") == 0) {
        wire_put_u32(w, UINT32_MAX);
    } else if (strcmp(how, "severity") == 0) {
        wire_put_u32(w, 0);
        wire_put_u32(w, 1);
        put_finding(w, 99, "fact");
    } else if (strcmp(how, "files") == 0) {
        wire_put_u32(w, 0);
        wire_put_u32(w, 1);
        put_finding(w, SEVERITY_WARNING, opens_a_file() ? "opened" : "refused");
    } else { /* "escape" */
        wire_put_u32(w, 1);
        put_item(w, COLLECTED_OTHER, "PEM", 1, "\x1b\x9b", "");
        wire_put_u32(w, 1);
        put_finding(w, SEVERITY_WARNING, "of user\x1b[2J\xc2\x9b\xff end");
    }
    return w->len;
}

static size_t answer_file(
    const struct message *question, char *out, size_t capacity, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)question->body, question->len}};
    struct wire_writer w = {.bytes = out, .capacity = capacity};
    const char *password;

    (void)wire_get_u32(&r);
    (void)wire_get_u32(&r);
    password = wire_get_text(&r);
    if (password != NULL && strncmp(password, "lie:", 4) == 0)
        return lie(password + 4, &w);
    return apart_answer_file(question, out, capacity, err);
}

static int helper(void)
{
    static const struct helper_task tasks[] = {
        {MESSAGE_HANDSHAKES, apart_prepare_handshakes, apart_answer_handshakes},
        {MESSAGE_FILE, apart_prepare_file, answer_file},
    };

    return helper_main(tasks, 2);
}

/* ---- files ---- */

static struct collection collection;
static struct findings findings;

static bool collect(const char *text, const char *password)
{
    collection_init(&collection);
    findings_init(&findings);
    return collect_text_apart(
        &collection, "a file", text, strlen(text), password, false, &findings);
}

static void forget(void)
{
    findings_destroy(&findings);
    collection_destroy(&collection);
}

static void all_of_a_file_comes_over(void **state)
{
    const char *text = pki_join("\n\n", pki_pem(leaf), pki_key_pem(key), NULL);

    (void)state;
    assert_true(collect(text, NULL));
    assert_int_equal(findings.count, 0);
    assert_int_equal(collection.count, 2);
    assert_int_equal(X509_cmp(collection.items[0].certificate, leaf), 0);
    assert_int_equal(collection.items[0].line, 3);
    assert_string_equal(collection.items[0].label, "CERTIFICATE");
    assert_string_equal(collection.items[0].format, "PEM");
    assert_int_equal(EVP_PKEY_eq(collection.items[1].key, key), 1);
    forget();
}

static void its_findings_name_the_file(void **state)
{
    (void)state;
    assert_false(collect("PuTTY-User-Key-File-3: x", NULL));
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.items[0].id, "putty-key");
    assert_string_equal(findings.items[0].file, "a file");
    assert_non_null(strstr(findings.items[0].remedy, "puttygen 'a file'"));
    assert_int_equal(findings.items[0].remedy[0], *COMMAND_MARKS);
    forget();
}

static void an_empty_file_is_told(void **state)
{
    (void)state;
    assert_false(collect("", NULL));
    assert_string_equal(findings.items[0].id, "empty");
    forget();
}

static void nonsense_is_not_taken(void **state)
{
    static const char *const lies[] = {"lie:crash", "lie:no-der", "lie:kind",
        "lie:format", "lie:line", "lie:count", "lie:severity"};

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        assert_false(collect(pki_pem(leaf), lies[i]));
        assert_int_equal(collection.count, 0);
        assert_string_equal(findings.items[0].id, "not-read");
        assert_int_equal(findings_worst(&findings), SEVERITY_REFUSED);
        forget();
    }
}

static void no_terminal_obeys_it(void **state)
{
    (void)state;
    assert_true(collect(pki_pem(leaf), "lie:escape"));
    assert_string_equal(collection.items[0].label, "??");
    assert_string_equal(findings.items[0].fact, "of user?[2J??? end");
    assert_string_equal(
        findings.items[0].remedy, "do this: " COMMAND("cat 'a file'") "?[2J");
    forget();
}

/* An ordinary user has this only from a kernel with Landlock. */
static void it_opens_no_file(void **state)
{
    (void)state;
    if (sandbox_exemption() != NULL || geteuid() != 0)
        skip();
    assert_true(collect(pki_pem(leaf), "lie:files") || findings.count > 0);
    assert_string_equal(findings.items[0].fact, "refused");
    forget();
}

/* ---- handshakes ---- */

static struct handshakes seen;

/* A server on our end of a socket pair, in a process of its own. */
static pid_t serve(int fd)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL *ssl;

    SSL_CTX_use_certificate(context, leaf);
    SSL_CTX_use_PrivateKey(context, key);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    _exit(SSL_accept(ssl) == 1 ? 0 : 1);
}

static void each_handshake_tells_what_it_saw(void **state)
{
    const struct handshake_offer offer = {.leaf_only = true};
    int good[2], closed[2], silent[2], status;
    struct error err;
    X509 *shown;

    (void)state;
    socketpair(AF_UNIX, SOCK_STREAM, 0, good);
    socketpair(AF_UNIX, SOCK_STREAM, 0, closed);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, silent);
    close(closed[0]);
    pid_t server = serve(good[0]);
    int64_t began = clock_now_ms();

    assert_true(handshakes_apart(
        &seen, &offer, (const int[]){good[1], closed[1], silent[1]}, 3, 2000, &err));
    assert_true(clock_now_ms() - began < 20000);
    assert_true(seen.list[0].done);
    assert_non_null(strstr(seen.list[0].terms, "TLSv1.3"));
    assert_int_equal(seen.list[0].chain_len, 1);
    const unsigned char *der = seen.list[0].chain[0].at;
    shown = d2i_X509(NULL, &der, (long)seen.list[0].chain[0].len);
    assert_int_equal(X509_cmp(shown, leaf), 0);
    X509_free(shown);
    assert_false(seen.list[1].done);
    assert_false(seen.list[2].done);
    assert_non_null(strstr(seen.list[2].err.text, "does not go on"));
    handshakes_destroy(&seen);
    assert_int_equal(waitpid(server, &status, 0), server);
    for (int i = 0; i < 2; i++) {
        close(good[i]);
        close(silent[i]);
    }
    close(closed[1]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_file_comes_over),
        cmocka_unit_test(its_findings_name_the_file),
        cmocka_unit_test(an_empty_file_is_told),
        cmocka_unit_test(nonsense_is_not_taken),
        cmocka_unit_test(no_terminal_obeys_it),
        cmocka_unit_test(it_opens_no_file),
        cmocka_unit_test(each_handshake_tells_what_it_saw),
    };

    if (argc > 0 && helper_is_meant(argv[0]))
        return helper();
    return cmocka_run_group_tests(tests, make_world, free_world);
}
