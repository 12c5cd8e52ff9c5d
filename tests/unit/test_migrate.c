/* config/migrate: stunnel's configuration as options of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/migrate.h"
#include "config/migrate_rules.h"
#include "proxy/base/error.h"

static void migrate(const char *text, struct migration *migration)
{
    struct error err = {""};

    if (!migrate_stunnel(text, "s.conf", migration, &err))
        fail_msg("%s\n%s", err.text, migration->text);
}

/* A service with all that it needs, except the line of the table. */
#define BASE "accept = 7\nconnect = 8\ncert = /b.pem\n"

static const struct {
    const char *line, *becomes, *loss;
} table[] = {
    {"accept = :::8012", "\naccept = [::]:8012\n", ""},
    {"accept = [::1]:8012", "\naccept = [::1]:8012\n", ""},
    {"ACCEPT=:8012", "\naccept = 8012\n", ""},
    {"accept = https", "\naccept = 443\n", ""},
    {"accept = 10.0.0.1:https", "\naccept = 10.0.0.1:443\n", ""},
    {"connect = wlb:8013", "\nconnect = wlb:8013\n", ""},
    {"connect = localhost:http", "\nconnect = localhost:80\n", ""},
    {"connect = /run/wlb.sock", "\nconnect = unix:/run/wlb.sock\n", ""},
    {"curve = secp384r1", "\ngroups = secp384r1\n", ""},
    {"TIMEOUTconnect = 7", "\nconnect_timeout = 7s\n", ""},
    {"sessionResume = no", "\ntickets = off\n", ""},
    {"sessionResume = yes", "sessionResume = yes: not needed, sessions live in tickets",
        ""},
    {"TIMEOUTclose = 0", "\nhalf_closed_timeout = 100ms\n", ""},
    {"TIMEOUTclose = 90", "\nhalf_closed_timeout = 90s\n", ""},
    {"accept = 8012\nTIMEOUTclose = 90", "\nlinger_timeout = 90s\n", ""},
    {"accept = 8012\nTIMEOUTclose = 0", "TIMEOUTclose = 0: not needed, 0 would lose", ""},
    {"accept = 8012\nTIMEOUTidle = 9", "TIMEOUTidle = 9: not needed, each state", ""},
    {"TIMEOUTidle = 600", "\nprotocol = tcp\nresponse_timeout = 600s\n", ""},
    {"protocol = Proxy", "\nsend_proxy = v1\n", ""},
    {"pty = no", "\nprotocol = tcp\nresponse_timeout = 43200s\n", ""},
    {"accept = 8012", "\nprotocol = http\n", ""},
    {"connect = 80", "\nprotocol = http\n", ""},
    {"sslVersion = TLSv1.3", "\ntls_min = 1.3\n", ""},
    {"sslVersionMin = TLSv1.3", "\ntls_min = 1.3\n", ""},
    {"options = NO_TLSv1.2", "\ntls_min = 1.3\n", ""},
    {"options = NO_TLSv1_2", "\ntls_min = 1.3\n", ""},
    {"options = NO_TLSv1_3", "options = NO_TLSv1_3: CANNOT BE HAD",
        "s.conf:5: options = NO_TLSv1_3: TLS 1.3 cannot be switched off; TLS 1.2 is\n"
        "served beside it\n"},
    {"options = NO_SSLv3\noptions = NO_TLSv1.2", "\ntls_min = 1.3\n", ""},
    {"options = NO_SSLv3", "\nprotocol = tcp\n", ""},
    {"sslVersion = TLSv1.2", "sslVersion = TLSv1.2: CANNOT BE HAD",
        "s.conf:5: sslVersion = TLSv1.2: TLS 1.3 cannot be switched off; TLS 1.2 is\n"
        "served beside it\n"},
    {"options = NO_TLSv1.3", "options = NO_TLSv1.3: CANNOT BE HAD",
        "s.conf:5: options = NO_TLSv1.3: TLS 1.3 cannot be switched off; TLS 1.2 is\n"
        "served beside it\n"},
    {"sslVersion = SSLv3", "sslVersion = SSLv3: CANNOT BE HAD",
        "s.conf:5: sslVersion = SSLv3: TLS 1.2 and 1.3 are spoken, older ones never\n"},
    {"securityLevel = 3\nciphers = HIGH", "\nciphers = HIGH:@SECLEVEL=3\n", ""},
    {"securityLevel = 2", "\nprotocol = tcp\n", ""},
    {"securityLevel = 0", "securityLevel = 0: CANNOT BE HAD",
        "s.conf:5: securityLevel = 0: OpenSSL's level 2 is the least: weaker keys are\n"
        "refused\n"},
    {"verify = 2\nCAfile = /ca.pem", "\nverify = required\nca = /ca.pem\n", ""},
    {"verify = 1\nCAfile = /ca.pem", "\nverify = optional\nca = /ca.pem\n", ""},
    {"verify = 3\nCAfile = /ca.pem",
        "\nverify = required\nca = /ca.pem\nverify_pins = /ca.pem\n", ""},
    {"verify = 4\nCAfile = /ca.pem", "\nverify = required\nverify_pins = /ca.pem\n", ""},
    {"verifyPeer = yes\nCAfile = /ca.pem", "\nverify = required\nverify_pins = /ca.pem\n",
        ""},
    {"verifyChain = yes\nCAfile = /ca.pem\nCRLfile = /crl.pem",
        "\nverify = required\nca = /ca.pem\ncrl = /crl.pem\n", ""},
    {"verifyChain = yes\nCAfile = /ca.pem\ncheckHost = a.b\ncheckHost = c.d",
        "\nverify_names = a.b\nverify_names = c.d\n", ""},
    {"verifyChain = yes\nCAfile = /ca.pem\nOCSPaia = no", "\nverify = required\n", ""},
    {"verifyChain = yes\nrequireCert = no\nCAfile = /ca.pem", "\nverify = optional\n",
        ""},
    {"requireCert = no\nverifyChain = yes\nCAfile = /ca.pem", "\nverify = required\n",
        ""},
    {"CAfile = /chain.pem", "CAfile = /chain.pem: not needed", ""},
    {"checkHost = a.b", "checkHost = a.b: not needed", ""},
    {"verify = 0\nCAfile = /chain.pem", "CAfile = /chain.pem: not needed", ""},
    {"libwrap = no", "libwrap = no: not needed", ""},
    {"redirect = 80", "redirect = 80: CANNOT BE HAD",
        "s.conf:5: redirect = 80: a client without a good certificate is refused\n"},
    {"curve = P-256\ncurve = P-384",
        "; line 5: curve = P-256: not needed, another line overrides it\ngroups = "
        "P-384\n",
        ""},
    {"debug = 7", "debug = 7: CANNOT BE HAD",
        "s.conf:5: debug = 7: this is an option of the whole proxy: move it to the "
        "top\n"},
    {"wlbExtra = 1", "wlbExtra = (not shown): CANNOT BE HAD",
        "s.conf:5: wlbExtra = (not shown): this option is not known\n"},
    {"ticketKeySecret = 5ec7e7", "ticketKeySecret = (not shown): not needed", ""},
};

static void service_options_find_their_equals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct migration migration;
        bool accept = strncasecmp(table[i].line, "accept", 6) == 0;
        bool connect = strncasecmp(table[i].line, "connect", 7) == 0;
        char text[400];

        snprintf(text, sizeof(text), "[x]\n%s\n%s\ncert = /b.pem\n%s\n",
            accept ? "; " : "accept = 7", connect ? "; " : "connect = 8", table[i].line);
        migrate(text, &migration);
        if (strstr(migration.text, table[i].becomes) == NULL)
            fail_msg("%s became\n%s", table[i].line, migration.text);
        assert_string_equal(migration.losses, table[i].loss);
        migration_destroy(&migration);
    }
}

/* Options that decide which clients are admitted, or which backend they reach: without
 * one of these the service would be another. */
static const char *const refused[] = {
    "libwrap = yes",
    "transparent = source",
    "protocol = smtp",
    "exec = /bin/cat",
    "PSKsecrets = /psk",
    "engineId = pkcs11",
    "config = MinProtocol:TLSv1.3",
    "verify = 5",
    "verify = 2\nCApath = /certs",
    "verify = 2\nCAfile = /ca.pem\nCRLpath = /crls",
    "verify = 2\nCAfile = /ca.pem\nOCSP = http://ocsp/",
    "verify = 2\nCAfile = /ca.pem\nOCSPaia = yes",
    "verify = 2\nCAfile = /ca.pem\ncheckHost = a\ncheckEmail = b@c",
    "requireCert = yes",
    "sni = nocolon",
    "accept = nosuchport",
    "connect = host:nosuchport",
};

static void an_impossible_option_leaves_the_service_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct migration migration;
        struct error err = {""};
        char text[400];

        snprintf(text, sizeof(text),
            "[bad]\n" BASE "%s\n[good]\naccept = 9\nconnect = 8\ncert = /b.pem\n",
            refused[i]);
        migrate(text, &migration);
        if (strstr(migration.text, "\n[bad]") != NULL ||
            strstr(migration.text, "\n[good]\n") == NULL ||
            strstr(migration.losses, "[bad] is left out") == NULL)
            fail_msg("%s became\n%s", refused[i], migration.text);
        migration_destroy(&migration);

        /* A global option applies to every service. */
        snprintf(text, sizeof(text), "%s\n[bad]\n" BASE, refused[i]);
        if (strncmp(refused[i], "accept", 6) == 0 ||
            strncmp(refused[i], "connect", 7) == 0 || strncmp(refused[i], "sni", 3) == 0)
            continue;
        assert_false(migrate_stunnel(text, "s.conf", &migration, &err));
        assert_non_null(strstr(err.text, "no_service_is_left"));
        migration_destroy(&migration);
    }
}

static void a_service_without_an_end_is_left_out(void **state)
{
    static const char *const lines[] = {"connect = 8\ncert = /b.pem",
        "accept = 7\ncert = /b.pem", "accept = 7\nconnect = 8"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct migration migration;
        char text[200];

        snprintf(text, sizeof(text), "[half]\n%s\n[whole]\n" BASE, lines[i]);
        migrate(text, &migration);
        assert_null(strstr(migration.text, "\n[half]"));
        assert_non_null(strstr(migration.losses, "[half] is left out: it has no "));
        migration_destroy(&migration);
    }
}

static void global_and_section_options_are_read_together(void **state)
{
    struct migration migration;

    (void)state;
    migrate("verifyChain = yes\ncert = /g.pem\nTIMEOUTidle = 60\noptions = NO_TLSv1.2\n"
            "[a]\naccept = 1\nconnect = 2\nCAfile = /a.pem\n"
            "[b]\naccept = 3\nconnect = 4\ncert = /b.pem\nverifyChain = no\n",
        &migration);
    assert_non_null(strstr(migration.text, "[a]\ncert = /g.pem\n"));
    assert_non_null(
        strstr(migration.text, "verify = required\nca = /a.pem\ntls_min = 1.3\n"));
    assert_non_null(strstr(migration.text, "response_timeout = 60s\n"));
    assert_null(strstr(strstr(migration.text, "[b]"), "/g.pem"));
    assert_null(strstr(strstr(migration.text, "[b]"), "verify = required"));
    assert_string_equal(migration.losses, "");
    migration_destroy(&migration);
}

static void no_line_is_wider_than_a_terminal(void **state)
{
    struct migration migration;

    (void)state;
    migrate("setEnv = A=b\n[web]\n" BASE "options = NO_TLSv1.3\nlibwrap = no\n"
            "redirect = 1\nlocal = 10.0.0.1\n[x]\n" BASE "exec = /bin/sh\n",
        &migration);
    for (const char *line = migration.text; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        if (len > 79)
            fail_msg("too wide: %.*s", (int)len, line);
        line += len + (line[len] == '\n');
    }
    migration_destroy(&migration);
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
        char text[300];

        snprintf(text, sizeof(text), "%s\n[x]\n" BASE, pairs[i][0]);
        migrate(text, &migration);
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
            "[wlb https]\r\naccept = 8012\r\nconnect = 8013\r\ncert = /w.pem\r\n"
            "[mail]\r\nclient = yes\r\naccept = 25\r\nconnect = a:465\r\n"
            "[pool]\r\nsni = wlb https:pool.example\r\nconnect = 9\r\ncert = /p.pem\r\n",
        &migration);
    assert_non_null(strstr(migration.text, "\n[wlb_https]\naccept = 8012\n"));
    assert_non_null(strstr(migration.text,
        "\n[pool]\naccept = 8012\nsni = pool.example\nconnect = 127.0.0.1:9\ncert = "
        "/p.pem\n"));
    assert_null(strstr(migration.text, "465"));
    assert_string_equal(migration.losses,
        "s.conf:6: [mail] is left out: its clients speak plain TCP, and wlbproxy serves\n"
        "TLS alone; a service that does may connect by TLS: connect = tls:HOST:PORT\n");
    migration_destroy(&migration);
}

/* XAPI's own stunnel is an example: no sections, and client = yes. */
static void a_client_is_not_made_a_server(void **state)
{
    struct migration migration;
    struct error err = {""};

    (void)state;
    assert_false(
        migrate_stunnel("client = yes\nconnect = 10.0.0.1:443\nverifyChain = yes\n"
                        "CAfile = /a.pem\ncheckHost = wlb\n",
            "s.conf", &migration, &err));
    assert_null(strstr(migration.text, "\nconnect"));
    assert_string_equal(migration.losses,
        "s.conf: this is a TLS client whose own clients speak plain TCP: "
        "wlbproxy serves\nTLS alone\n");
    migration_destroy(&migration);

    migrate("client = yes\n[a]\naccept = 1\nconnect = 2\n"
            "[b]\nclient = no\naccept = 3\nconnect = 4\ncert = /b.pem\n",
        &migration);
    assert_null(strstr(migration.text, "[a]\naccept"));
    assert_non_null(strstr(migration.text, "[b]\n"));
    assert_non_null(strstr(migration.text, "connect = 127.0.0.1:4\n"));
    migration_destroy(&migration);
}

static void no_secret_is_repeated(void **state)
{
    static const char *const secrets[] = {"ticketKeySecret", "ticketMacSecret",
        "PSKsecrets", "engineCtrl", "protocolPassword", "neverHeardOf"};

    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        struct migration migration;
        char text[300];

        snprintf(text, sizeof(text),
            "[a]\n" BASE "%s = hunter2\n[b]\naccept = 9\nconnect = 8\ncert = /b.pem\n",
            secrets[i]);
        migrate(text, &migration);
        assert_null(strstr(migration.text, "hunter2"));
        assert_null(strstr(migration.losses, "hunter2"));
        migration_destroy(&migration);
    }
}

static void another_programs_configuration_is_refused(void **state)
{
    static const char *const foreign[][2] = {
        {"frontend = \"[*]:443\"\npem-file = \"/a.pem\"\n", "hitch"},
        {"http {\n server {\n listen 443 ssl;\n }\n}\n", "nginx"},
        {"defaults\n mode http\nfrontend f\n    bind :443 ssl crt /a.pem\n", "HAProxy"}};
    struct migration migration;
    struct error err;

    (void)state;
    assert_false(
        migrate_stunnel("#!/bin/sh\necho\na = b\necho 2\n", "s.conf", &migration, &err));
    assert_string_equal(err.text,
        "s.conf:2: 'echo' is not of the form 'name = value'\n"
        "s.conf:4: 'echo 2' is not of the form 'name = value'");
    migration_destroy(&migration);

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        assert_false(migrate_stunnel(foreign[i][0], "s.conf", &migration, &err));
        assert_non_null(strstr(err.text, foreign[i][1]));
        migration_destroy(&migration);
    }

    assert_false(migrate_stunnel(
        "[a]\naccept = 7\nconnect = 8\ncert = c.pem\n", "s.conf", &migration, &err));
    assert_non_null(strstr(err.text, "cert: 'c.pem' is not an absolute path"));
    assert_non_null(strstr(migration.text, "cert = c.pem"));
    migration_destroy(&migration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_options_find_their_equals),
        cmocka_unit_test(an_impossible_option_leaves_the_service_out),
        cmocka_unit_test(a_service_without_an_end_is_left_out),
        cmocka_unit_test(global_and_section_options_are_read_together),
        cmocka_unit_test(no_line_is_wider_than_a_terminal),
        cmocka_unit_test(global_options_find_their_equals),
        cmocka_unit_test(sections_keep_their_order_and_their_names),
        cmocka_unit_test(a_client_is_not_made_a_server),
        cmocka_unit_test(no_secret_is_repeated),
        cmocka_unit_test(another_programs_configuration_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
