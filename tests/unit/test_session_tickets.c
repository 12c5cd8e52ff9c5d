/* The limits in time and place of resuming a session, the same for both engines. The
 * clock is the test's own. */
#include "tests/unit/tls_rig.h"

#include <time.h>

#include <openssl/pem.h>

#include "certstore/context.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/pki.h"

enum { LIFETIME = 3600 };

static time_t now = PKI_NOW;

/* Replaces libc's, also for OpenSSL. */
time_t time(time_t *when)
{
    if (when != NULL)
        *when = now;
    return now;
}

static struct service service;
static SSL_SESSION *session; /* the last one that the client got; NULL: none */
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static X509 *client_certificate;
static EVP_PKEY *client_key;

/* As if the client had got it just now. */
static void date_session(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
    SSL_SESSION_set_time_ex(session, now);
#else
    SSL_SESSION_set_time(session, now);
#endif
}

static int keep_session(SSL *ssl, SSL_SESSION *got)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = got;
    return 1;
}

static void serve(const char *options)
{
    service_make(&service, "wlb", options, "P-256");
    server_context = service.context;
}

static void begin_clients(void)
{
    client.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set1_groups_list(client.context, "X25519:P-256:P-384");
    SSL_CTX_set_session_cache_mode(client.context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client.context, keep_session);
}

static void end_clients(void)
{
    SSL_SESSION_free(session);
    session = NULL;
    SSL_CTX_free(client.context);
    now = PKI_NOW;
}

/* Offers the session, and gets another; returns whether it was resumed. The client
 * believes that the session is new. */
static bool shake_named(int version, const char *name)
{
    bool resumed;

    begin();
    SSL_set_max_proto_version(client.ssl, version);
    if (name != NULL)
        SSL_set_tlsext_host_name(client.ssl, name);
    if (client_certificate != NULL) {
        SSL_use_certificate(client.ssl, client_certificate);
        SSL_use_PrivateKey(client.ssl, client_key);
    }
    if (session != NULL) {
        date_session();
        SSL_SESSION_set_timeout(session, LIFETIME);
        assert_int_equal(SSL_set_session(client.ssl, session), 1);
    }
    settle(1000);
    assert_true(server.tls->open);
    resumed = tls_is_resumed(server.tls);
    SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    end();
    return resumed;
}

static bool shake(int version)
{
    return shake_named(version, NULL);
}

static void a_renewal_keeps_the_time_of_the_first_handshake(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        serve("");
        begin_clients();
        assert_false(shake(versions[v]));
        for (int i = 0; i < 3; i++) {
            now += LIFETIME / 4;
            assert_true(shake(versions[v]));
        }
        now += LIFETIME / 4 - 1;
        assert_true(shake(versions[v]));
        now += 1;
        assert_false(shake(versions[v]));
        assert_true(shake(versions[v]));
        end_clients();
        service_destroy(&service);
    }
}

static void a_ticket_from_the_future_is_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        serve("");
        begin_clients();
        assert_false(shake(versions[v]));
        now -= 1;
        assert_false(shake(versions[v]));
        end_clients();
        service_destroy(&service);
    }
}

static void a_key_that_has_ended_opens_nothing(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        serve("");
        service.tickets.keys[0].ends = (uint64_t)now + 100;
        begin_clients();
        assert_false(shake(versions[v]));
        assert_true(shake(versions[v]));
        now += 100;
        assert_false(shake(versions[v]));
        end_clients();
        service_destroy(&service);
    }
}

static void a_shorter_lifetime_ends_sessions_at_once(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        serve("");
        begin_clients();
        assert_false(shake(versions[v]));
        service.tickets.lifetime = 60;
        now += 59;
        assert_true(shake(versions[v]));
        now += 1;
        assert_false(shake(versions[v]));
        end_clients();
        service_destroy(&service);
    }
}

/* A removed cipher or group, another certificate, a stricter version. */
static void a_session_of_another_policy_is_not_resumed(void **state)
{
    static const char *const changed[] = {"ciphers = ECDHE+AESGCM\n",
        "ciphersuites = TLS_AES_128_GCM_SHA256\n", "groups = X25519:P-256\n",
        "verify_depth = 4\n"};

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
            bool same = i == 3; /* the default, written out */

            serve("");
            begin_clients();
            assert_false(shake(versions[v]));
            service_destroy(&service);
            serve(same ? "" : changed[i]);
            assert_true(shake(versions[v]) == same);
            end_clients();
            service_destroy(&service);
        }
    }
}

/* RFC 6066, 3. In TLS 1.3 each handshake names the server (RFC 8446, 4.6.1). */
static void a_session_of_tls12_keeps_its_server_name(void **state)
{
    (void)state;
    serve("");
    begin_clients();
    assert_false(shake_named(TLS1_2_VERSION, "one.example"));
    assert_true(shake_named(TLS1_2_VERSION, "ONE.example"));
    assert_false(shake_named(TLS1_2_VERSION, "two.example"));
    assert_true(shake_named(TLS1_2_VERSION, "two.example"));
    assert_false(shake_named(TLS1_2_VERSION, NULL));
    assert_false(shake_named(TLS1_2_VERSION, "two.example"));
    end_clients();
    service_destroy(&service);
}

static void without_tickets_there_are_none(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        serve("tickets = off\n");
        begin_clients();
        assert_false(shake(versions[v]));
        assert_true(session == NULL || !SSL_SESSION_has_ticket(session));
        end_clients();
        service_destroy(&service);
    }
}

/* Also of TLS 1.3, whose number of tickets OpenSSL keeps in the session. */
static void a_name_has_the_tickets_of_its_service(void **state)
{
    static const char *const of_default[] = {"", "tickets = off\n"};
    static struct service named;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool other_has = i / 2 == 1;
        struct sni_choice choices[] = {{"other.example", NULL, NULL}};

        serve(of_default[i / 2]);
        service_make(&named, "other", of_default[other_has ? 0 : 1], "P-256");
        choices[0].context = named.context;
        context_set_sni(service.context, choices, 1);
        begin_clients();
        assert_false(shake_named(versions[i % 2], "other.example"));
        assert_int_equal(session != NULL && SSL_SESSION_has_ticket(session), other_has);
        assert_int_equal(shake_named(versions[i % 2], "other.example"), other_has);
        end_clients();
        service_destroy(&service);
        service_destroy(&named);
    }
}

/* OpenSSL asks the callbacks of the context that the session began with. */
static void its_tickets_end_as_others_do_whatever_the_default_has(void **state)
{
    static struct service named;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct sni_choice choices[] = {{"other.example", NULL, NULL}};

        serve(i / 2 == 1 ? "tickets = off\n" : "");
        service_make(&named, "other", "", "P-256");
        choices[0].context = named.context;
        context_set_sni(service.context, choices, 1);
        begin_clients();
        assert_false(shake_named(versions[i % 2], "other.example"));
        now += LIFETIME / 2;
        assert_true(shake_named(versions[i % 2], "other.example"));
        now += LIFETIME / 2;
        assert_false(shake_named(versions[i % 2], "other.example"));
        named.tickets.keys[0].ends = (uint64_t)now; /* no key any more */
        assert_false(shake_named(versions[i % 2], "other.example"));
        end_clients();
        service_destroy(&service);
        service_destroy(&named);
    }
}

static X509_CRL *make_crl(X509 *issuer, EVP_PKEY *key, long seconds)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, PKI_NOW - 10);

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, at);
    ASN1_TIME_set(at, PKI_NOW + seconds);
    X509_CRL_set1_nextUpdate(crl, at);
    ASN1_TIME_free(at);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    return crl;
}

static const char *crl_pem(X509_CRL *crl)
{
    static char text[4096];
    BIO *out = BIO_new(BIO_s_mem());
    int len;

    assert_int_equal(PEM_write_bio_X509_CRL(out, crl), 1);
    len = BIO_read(out, text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    BIO_free(out);
    return text;
}

/* A service that asks for certificates, with a CRL valid for that long. */
static void serve_verified(const char *ca, const char *crl)
{
    EVP_PKEY *key = service_key("P-256");

    service_ca = ca;
    service_crl = crl;
    service_init(&service, "wlb", "verify = required\nca = /x\ncrl = /y\n");
    service_ca = service_crl = NULL;
    service_show(&service, key);
    service_ready(&service);
    server_context = service.context;
    EVP_PKEY_free(key);
}

/* The certificate or the CRL ends first. */
static void an_authentication_ends_with_its_certificate_and_crl(void **state)
{
    static const struct {
        long crl, ends;
    } cases[] = {{100000, 1000}, {500, 500}};
    EVP_PKEY *ca_key = pki_key("EC:P-256", 5);
    X509 *ca = pki_certificate(
        &(struct pki_request){.subject = "ca", .ca = true}, ca_key, NULL, NULL);

    (void)state;
    client_key = pki_key("EC:P-256", 6);
    client_certificate =
        pki_certificate(&(struct pki_request){.subject = "me"}, client_key, ca, ca_key);
    X509_gmtime_adj(X509_getm_notAfter(client_certificate), 1000);
    assert_true(X509_sign(client_certificate, ca_key, EVP_sha256()) > 0);
    for (size_t i = 0; i < 4; i++) {
        X509_CRL *crl = make_crl(ca, ca_key, cases[i / 2].crl);

        serve_verified(pki_pem(ca), crl_pem(crl));
        begin_clients();
        assert_false(shake(versions[i % 2]));
        now += cases[i / 2].ends - 1;
        assert_true(shake(versions[i % 2]));
        now += 1;
        begin();
        SSL_set_max_proto_version(client.ssl, versions[i % 2]);
        SSL_use_certificate(client.ssl, client_certificate);
        SSL_use_PrivateKey(client.ssl, client_key);
        date_session();
        SSL_set_session(client.ssl, session);
        settle(1000);
        assert_false(server.tls->open); /* verified anew, and refused */
        end();
        end_clients();
        service_destroy(&service);
        X509_CRL_free(crl);
    }
    X509_free(client_certificate);
    client_certificate = NULL;
    X509_free(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_keeps_the_time_of_the_first_handshake),
        cmocka_unit_test(a_ticket_from_the_future_is_refused),
        cmocka_unit_test(a_key_that_has_ended_opens_nothing),
        cmocka_unit_test(a_shorter_lifetime_ends_sessions_at_once),
        cmocka_unit_test(a_session_of_another_policy_is_not_resumed),
        cmocka_unit_test(a_session_of_tls12_keeps_its_server_name),
        cmocka_unit_test(without_tickets_there_are_none),
        cmocka_unit_test(a_name_has_the_tickets_of_its_service),
        cmocka_unit_test(its_tickets_end_as_others_do_whatever_the_default_has),
        cmocka_unit_test(an_authentication_ends_with_its_certificate_and_crl),
    };
    int failed = cmocka_run_group_tests_name("openssl", tests, start_engine, stop_engine);

#ifdef WLB_TLS_NATIVE
    service_engine = "native";
    failed += cmocka_run_group_tests_name("native", tests, start_engine, stop_engine);
#endif
    return failed;
}
