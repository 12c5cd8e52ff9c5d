/* config/migrate: stunnel's configuration in our words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/error.h"
#include "config/migrate.h"
#include "config/migrate_rules.h"

static void migrate(const char *text, struct migration *migration)
{
    struct error err = {""};

    if (!migrate_stunnel(text, "s.conf", migration, &err))
        fail_msg("%s\n%s", err.text, migration->text);
}

static const struct {
    const char *line, *becomes, *loss;
} table[] = {
    {"accept = 8012", "\naccept = 8012\n", ""},
    {"accept = :::8012", "\naccept = [::]:8012\n", ""},
    {"accept = [::1]:8012", "\naccept = [::1]:8012\n", ""},
    {"ACCEPT=:8012", "\naccept = 8012\n", ""},
    {"connect = 8013", "\nconnect = 127.0.0.1:8013\n", ""},
    {"connect = wlb:8013", "\nconnect = wlb:8013\n", ""},
    {"connect = /run/wlb.sock", "\nconnect = unix:/run/wlb.sock\n", ""},
    {"cert = /c.pem", "\ncert = /c.pem\n", ""},
    {"curve = secp384r1", "\ngroups = secp384r1\n", ""},
    {"TIMEOUTconnect = 7", "\nconnect_timeout = 7s\n", ""},
    {"TIMEOUTclose = 0", "TIMEOUTclose = 0: not needed, 0 would lose", ""},
    {"sslVersion = TLSv1.2", "\ntls_min = 1.2\n", ""},
    {"sslVersion = TLSv1.3", "\ntls_min = 1.3\n", ""},
    {"sslVersion = SSLv3", "sslVersion = SSLv3: not needed", ""},
    {"verify = 2\nCAfile = /ca.pem", "\nverify = required\nca = /ca.pem\n", ""},
    {"verify = 1\nCAfile = /ca.pem", "\nverify = optional\nca = /ca.pem\n", ""},
    {"verifyChain = yes\nCAfile = /ca.pem\nCRLfile = /crl.pem",
        "\nverify = required\nca = /ca.pem\ncrl = /crl.pem\n", ""},
    {"verifyChain = yes\nrequireCert = no\nCAfile = /ca.pem", "\nverify = optional\n",
        ""},
    {"CAfile = /chain.pem", "CAfile = /chain.pem: not needed", ""},
    {"verify = 0\nCAfile = /chain.pem", "CAfile = /chain.pem: not needed", ""},
    {"verifyPeer = yes", "verifyPeer = yes: CANNOT BE HAD",
        "s.conf:2: verifyPeer = yes: one certificate cannot be pinned: use ca with "
        "verify = "
        "required\n"},
    {"libwrap = yes", "libwrap = yes: CANNOT BE HAD",
        "s.conf:2: libwrap = yes: limit the clients in the firewall\n"},
    {"libwrap = no", "libwrap = no: not needed", ""},
    {"ciphers = A\nciphers = B",
        "ciphers = A: not needed, another line overrides it\n"
        "ciphers = B\n",
        ""},
    {"sni = nocolon", "sni = nocolon: CANNOT BE HAD",
        "s.conf:2: sni = nocolon: it is not of the form SERVICE:NAME\n"},
    {"debug = 7", "debug = 7: CANNOT BE HAD",
        "s.conf:2: debug = 7: this is an option of the whole proxy: move it to the "
        "top\n"},
    {"wlbExtra = 1", "wlbExtra = (not shown): CANNOT BE HAD",
        "s.conf:2: wlbExtra = (not shown): this option is not known\n"},
    {"ticketKeySecret = 5ec7e7", "ticketKeySecret = (not shown): not needed", ""},
};

static void service_options_find_their_equals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct migration migration;
        char text[300];

        snprintf(text, sizeof(text), "[wlb]\n%s\n", table[i].line);
        migrate(text, &migration);
        if (strstr(migration.text, table[i].becomes) == NULL)
            fail_msg("%s became\n%s", table[i].line, migration.text);
        assert_string_equal(migration.losses, table[i].loss);
        migration_destroy(&migration);
    }
}

static void global_options_find_their_equals(void **state)
{
    static const char *const pairs[][2] = {
        {"setuid = stunnel4", "\nuser = stunnel4\n"},
        {"debug = daemon.warning", "\nlog_level = warning\n"},
        {"debug = 3", "\nlog_level = error\n"},
        {"debug = loud", "debug = loud: not needed, no such level\n"},
        {"output = /var/log/s.log\nsyslog = yes", "\nlog = /var/log/s.log\n"},
        {"syslog = yes", "\nlog = syslog\n"},
        {"output = /dev/stdout", "\nlog = stderr\n"},
        {"pid = /run/s.pid", "; line 1: pid = /run/s.pid: not needed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct migration migration;

        migrate(pairs[i][0], &migration);
        if (strstr(migration.text, pairs[i][1]) == NULL)
            fail_msg("%s became\n%s", pairs[i][0], migration.text);
        migration_destroy(&migration);
    }
}

static void sections_keep_their_order_and_their_names(void **state)
{
    struct migration migration;

    (void)state;
    migrate("\xef\xbb\xbf; stunnel\r\n"
            "[wlb https]\r\naccept = 8012\r\n"
            "[mail]\r\nclient = yes\r\naccept = 25\r\nconnect = a:465\r\n"
            "[pool]\r\nsni = wlb https:pool.example\r\ncert = /p.pem\r\n",
        &migration);
    assert_non_null(strstr(migration.text, "\n[wlb_https]\naccept = 8012\n"));
    assert_non_null(strstr(
        migration.text, "\n[pool]\naccept = 8012\nsni = pool.example\ncert = /p.pem\n"));
    assert_null(strstr(migration.text, "25"));
    assert_string_equal(migration.losses,
        "s.conf:4: [mail] is a TLS client: wlbproxy is a server only\n");
    migration_destroy(&migration);
}

/* XAPI's own stunnel, for one: no sections, and client = yes. */
static void a_client_is_not_made_a_server(void **state)
{
    struct migration migration;

    (void)state;
    migrate("client = yes\nconnect = 10.0.0.1:443\nverifyChain = yes\nCAfile = /a.pem\n"
            "checkHost = wlb\n",
        &migration);
    assert_null(strstr(migration.text, "connect"));
    assert_non_null(strstr(migration.text, "CANNOT BE HAD, it is a TLS client"));
    assert_string_equal(
        migration.losses, "s.conf: this is a TLS client: wlbproxy is a server only\n");
    migration_destroy(&migration);

    migrate("client = yes\n[a]\naccept = 1\nconnect = 2\n"
            "[b]\nclient = no\naccept = 3\nconnect = 4\ncert = /b.pem\n",
        &migration);
    assert_null(strstr(migration.text, "[a]\naccept"));
    assert_non_null(strstr(migration.text, "[b]\n"));
    assert_non_null(strstr(migration.text, "connect = 127.0.0.1:4\n"));
    assert_string_equal(
        migration.losses, "s.conf:2: [a] is a TLS client: wlbproxy is a server only\n");
    migration_destroy(&migration);
}

static void no_secret_is_repeated(void **state)
{
    static const char *const secrets[] = {"ticketKeySecret", "ticketMacSecret",
        "PSKsecrets", "engineCtrl", "protocolPassword", "neverHeardOf"};

    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        struct migration migration;
        char text[100];

        snprintf(text, sizeof(text), "[a]\n%s = hunter2\n", secrets[i]);
        migrate(text, &migration);
        assert_null(strstr(migration.text, "hunter2"));
        assert_null(strstr(migration.losses, "hunter2"));
        migration_destroy(&migration);
    }
}

static void what_is_no_stunnel_configuration_is_refused(void **state)
{
    struct migration migration;
    struct error err;

    (void)state;
    assert_false(migrate_stunnel("#!/bin/sh\necho\n", "s.conf", &migration, &err));
    assert_string_equal(err.text, "s.conf:2: 'echo' is not of the form 'name = value'");
    migration_destroy(&migration);

    assert_false(migrate_stunnel("[a]\ncert = c.pem\n", "s.conf", &migration, &err));
    assert_non_null(strstr(err.text,
        "what was made of s.conf still needs a hand: output:5: "
        "cert: 'c.pem' is not an absolute path"));
    assert_non_null(strstr(migration.text, "cert = c.pem"));
    migration_destroy(&migration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_options_find_their_equals),
        cmocka_unit_test(global_options_find_their_equals),
        cmocka_unit_test(sections_keep_their_order_and_their_names),
        cmocka_unit_test(a_client_is_not_made_a_server),
        cmocka_unit_test(no_secret_is_repeated),
        cmocka_unit_test(what_is_no_stunnel_configuration_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
