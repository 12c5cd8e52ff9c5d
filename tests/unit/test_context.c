#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/private_key.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "tests/unit/pki.h"

static struct error err;
static struct ticket_keys tickets = {
    .keys = {{.name = "one", .aes = "a", .hmac = "b"}}, .count = 1};

struct result {
    bool open, resumed;
    char group[32], cipher[64], subject[64];
    SSL_SESSION *session;
};

static struct credential *make_credential(const char *kind, const char *name)
{
    EVP_PKEY *key = pki_key(kind, 0);
    X509 *certificate =
        pki_certificate(&(struct pki_request){.subject = name}, key, NULL, NULL);
    const char *text = pki_join(pki_pem(certificate), pki_key_pem(key), NULL);
    const struct judge_input input = {
        .cert_text = text, .cert_len = strlen(text), .send_root = true, .now = PKI_NOW};
    struct findings findings;
    struct judged_pair pair;

    findings_init(&findings);
    assert_true(judge_pair(&input, &pair, &findings));
    findings_destroy(&findings);
    X509_free(certificate);
    return credential_of_pair(&pair);
}

static struct settings *settings_of(const char *text)
{
    struct settings *settings = settings_parse(text, "test", &err);

    if (settings == NULL)
        fail_msg("%s", err.text);
    return settings;
}

static SSL_CTX *make_context(const struct settings *settings, size_t at, const char *ca,
    struct credential **credentials, size_t count)
{
    SSL_CTX *context = context_new(
        NULL, &settings->services[at], credentials, count, &tickets, ca, NULL, &err);

    if (context == NULL)
        fail_msg("%s", err.text);
    return context;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct result *result = SSL_get_app_data(ssl);

    SSL_SESSION_free(result->session);
    result->session = session;
    return 1;
}

static void link_peers(SSL *client, SSL *server)
{
    BIO *a, *b;

    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
}

static void note(struct result *result, SSL *client, SSL *server)
{
    X509 *peer = SSL_get0_peer_certificate(client);

    result->resumed = SSL_session_reused(server) == 1;
    (void)snprintf(result->cipher, sizeof(result->cipher), "%s", SSL_get_cipher(server));
    (void)snprintf(result->group, sizeof(result->group), "%s",
        OBJ_nid2sn(SSL_get_negotiated_group(server)));
    if (peer != NULL)
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName,
            result->subject, sizeof(result->subject));
}

/* A handshake in memory; `session` may be one to resume. */
static struct result shake(
    SSL_CTX *context, SSL_CTX *peers, const char *sni, SSL_SESSION *session)
{
    struct result result = {0};
    SSL *client = SSL_new(peers), *server = SSL_new(context);
    char byte;

    link_peers(client, server);
    SSL_set_app_data(client, &result);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (sni != NULL)
        (void)SSL_set_tlsext_host_name(client, sni);
    if (session != NULL) { /* a copy, because a failed handshake makes the session
                            * unusable */
        SSL_SESSION *spare = SSL_SESSION_dup(session);

        (void)SSL_set_session(client, spare);
        SSL_SESSION_free(spare);
    }
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    (void)SSL_read(client, &byte, 1); /* reads the ticket */
    result.open = SSL_is_init_finished(client) && SSL_is_init_finished(server);
    if (result.open)
        note(&result, client, server);
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return result;
}

static SSL_CTX *make_client(int version, const char *groups, const char *ciphers)
{
    SSL_CTX *peers = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_max_proto_version(peers, version);
    SSL_CTX_set_session_cache_mode(peers, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(peers, keep_session);
    if (groups != NULL)
        assert_int_equal(SSL_CTX_set1_groups_list(peers, groups), 1);
    if (ciphers != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(peers, ciphers), 1);
    return peers;
}

static void xenservers_client_gets_p384_and_rsa_beside_an_ec_certificate(void **state)
{
    struct settings *settings = settings_of("[wlb]\naccept=1\n");
    struct credential *both[] = {
        make_credential("RSA:2048", "rsa"), make_credential("EC:P-256", "ec")};
    SSL_CTX *context = make_context(settings, 0, NULL, both, 2);
    SSL_CTX *xapi = make_client(TLS1_2_VERSION, "P-384",
        "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256");
    SSL_CTX *modern = make_client(TLS1_3_VERSION, NULL, NULL);
    struct result result = shake(context, xapi, "10.0.0.1", NULL);

    (void)state;
    assert_true(result.open);
    assert_string_equal(result.group, "secp384r1");
    assert_string_equal(result.subject, "rsa");
    SSL_SESSION_free(result.session);
    result = shake(context, modern, NULL, NULL);
    assert_true(result.open);
    assert_string_equal(result.subject, "ec");
    SSL_SESSION_free(result.session);
    SSL_CTX_free(xapi);
    SSL_CTX_free(modern);
    context_free(context);
    credential_unref(both[0]);
    credential_unref(both[1]);
    settings_free(settings);
}

/* A TLS 1.3 ticket is used once; for TLS 1.2 OpenSSL's client keeps the first. */
static void take_newer(struct result *held, struct result *next)
{
    if (next->session == NULL)
        return;
    SSL_SESSION_free(held->session);
    held->session = next->session;
}

static void tickets_resume_until_their_key_is_gone(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct settings *settings = settings_of("[wlb]\naccept=1\n");
    struct credential *credential = make_credential("RSA:2048", "rsa");

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        SSL_CTX *context = make_context(settings, 0, NULL, &credential, 1);
        SSL_CTX *after_reload = make_context(settings, 0, NULL, &credential, 1);
        SSL_CTX *peers = make_client(versions[v], NULL, NULL);
        const struct ticket_keys before = tickets;
        struct result first = shake(context, peers, NULL, NULL), next;

        assert_non_null(first.session);
        assert_false(first.resumed);
        next = shake(after_reload, peers, NULL, first.session);
        assert_true(next.resumed);
        take_newer(&first, &next);
        tickets.keys[1] = tickets.keys[0]; /* after a rotation an older key opens, and a
                                            * new ticket is given */
        memset(&tickets.keys[0], 7, offsetof(struct ticket_key, ends));
        tickets.count = 2;
        next = shake(context, peers, NULL, first.session);
        assert_true(next.resumed);
        take_newer(&first, &next);
        memset(&tickets.keys[0], 8, offsetof(struct ticket_key, ends));
        tickets.count = 1;
        next = shake(context, peers, NULL, first.session);
        assert_true(next.open);
        assert_false(next.resumed);
        SSL_SESSION_free(next.session);
        SSL_SESSION_free(first.session);
        tickets = before;
        SSL_CTX_free(peers);
        context_free(context);
        context_free(after_reload);
    }
    credential_unref(credential);
    settings_free(settings);
}

static void a_session_never_crosses_to_another_service(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct settings *settings =
        settings_of("[wlb]\naccept = 1\n"
                    "[strict]\naccept = 1\nsni = b.example\nverify = required\nca = /x\n"
                    "[other]\naccept = 1\nsni = *.wild.example\ntls_min = 1.3\n");
    struct credential *a = make_credential("RSA:2048", "a"),
                      *b = make_credential("RSA:2048", "b");
    const char *ca = pki_pem(credential_leaf(b));
    int owner;

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        SSL_CTX *fallback = make_context(settings, 0, NULL, &a, 1);
        SSL_CTX *second = make_context(settings, 1, ca, &b, 1);
        SSL_CTX *third = make_context(settings, 2, NULL, &b, 1);
        struct sni_choice choices[] = {
            {"b.example", second, &owner}, {"*.wild.example", third, NULL}};
        SSL_CTX *peers = make_client(versions[v], NULL, NULL);
        struct result first, next;

        context_set_sni(fallback, choices, 2);
        assert_ptr_equal(context_owner(second), &owner);
        first = shake(fallback, peers, "anything.else", NULL);
        assert_true(first.open);
        assert_string_equal(first.subject, "a");
        next = shake(fallback, peers, "B.example", first.session);
        assert_false(next.resumed); /* and without a certificate of its own it is turned
                                     * away */
        assert_false(next.open);
        SSL_SESSION_free(next.session);
        next = shake(fallback, peers, "x.wild.example", first.session);
        assert_false(next.resumed);
        assert_int_equal(next.open, versions[v] == TLS1_3_VERSION);
        SSL_SESSION_free(next.session);
        next = shake(fallback, peers, "anything.else", first.session);
        assert_true(next.resumed);
        SSL_SESSION_free(next.session);
        SSL_SESSION_free(first.session);
        SSL_CTX_free(peers);
        context_free(fallback);
        context_free(second);
        context_free(third);
    }
    credential_unref(a);
    credential_unref(b);
    settings_free(settings);
}

static void alpn_is_http11_or_an_alert(void **state)
{
    static const struct {
        const char *offer;
        bool open;
    } rows[] = {{"\x08http/1.1", true}, {"\x02h2\x08http/1.1", true}, {"\x02h2", false}};
    struct settings *settings = settings_of("[wlb]\naccept=1\n");
    struct credential *credential = make_credential("RSA:2048", "rsa");
    SSL_CTX *context = make_context(settings, 0, NULL, &credential, 1);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        SSL_CTX *peers = make_client(TLS1_3_VERSION, NULL, NULL);
        struct result result;

        (void)SSL_CTX_set_alpn_protos(
            peers, (const unsigned char *)rows[i].offer, (unsigned)strlen(rows[i].offer));
        result = shake(context, peers, NULL, NULL);
        assert_int_equal(result.open, rows[i].open);
        SSL_SESSION_free(result.session);
        SSL_CTX_free(peers);
    }
    context_free(context);
    credential_unref(credential);
    settings_free(settings);
}

static void two_certificates_of_one_kind_are_refused_in_words(void **state)
{
    struct settings *settings = settings_of("[wlb]\naccept=1\n");
    struct credential *both[] = {
        make_credential("RSA:2048", "one"), make_credential("RSA:2048", "two")};

    (void)state;
    assert_null(
        context_new(NULL, &settings->services[0], both, 2, &tickets, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "one certificate per kind"));
    credential_unref(both[0]);
    credential_unref(both[1]);
    settings_free(settings);
}

static void a_packed_credential_is_the_same_one(void **state)
{
    static const char *const kinds[] = {"RSA:2048", "EC:P-384", "ED25519"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct credential *before = make_credential(kinds[i], "host"), *after;
        size_t len;
        char *bytes = credential_pack(before, true, &len);

        after = credential_unpack(bytes, len, NULL, private_key_parse, &err);
        assert_non_null(after);
        assert_true(credential_equal(before, after));
        for (size_t cut = 0; cut < len; cut += 1 + cut / 16)
            assert_null(credential_unpack(bytes, cut, NULL, private_key_parse, &err));
        secrets_free(bytes, len);
        credential_unref(before);
        credential_unref(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xenservers_client_gets_p384_and_rsa_beside_an_ec_certificate),
        cmocka_unit_test(tickets_resume_until_their_key_is_gone),
        cmocka_unit_test(a_session_never_crosses_to_another_service),
        cmocka_unit_test(alpn_is_http11_or_an_alert),
        cmocka_unit_test(two_certificates_of_one_kind_are_refused_in_words),
        cmocka_unit_test(a_packed_credential_is_the_same_one),
    };

    if (!secrets_init(&err))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
