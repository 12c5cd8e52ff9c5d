/* Several services on one address, against OpenSSL's handshake and ours: the same name
 * leads to the same service and its settings, and a session stays there. */
#include "tests/unit/differential_rig.h"

#include "proxy/tls/tls_session.h"

enum { SERVICES = 4, ROUNDS = 5 };

static const char strict[] = "ciphers = ECDHE+AESGCM:@SECLEVEL=3\n";
static const struct {
    const char *name, *options, *keys[2];
} made[SERVICES] = {
    {"one", "", {"P-256", "2048"}},
    {"two", "groups = P-384:X25519\nprotocol = tcp\n", {"2048"}},
    {"three", "tls_min = 1.3\nciphersuites = TLS_CHACHA20_POLY1305_SHA256\n", {"P-384"}},
    {"four", strict, {"P-384"}},
};

static struct service services[SERVICES];
static SSL_CTX *clients;
static SSL *client;

static void make_services(void)
{
    static const struct {
        const char *name;
        size_t service;
    } rows[] = {{"*.example", 0}, {"two.example", 1}, {"*.two.example", 1},
        {"three.example", 2}, {"four.example", 3}};
    static struct sni_choice choices[sizeof(rows) / sizeof(rows[0])];

    for (size_t i = 0; i < SERVICES; i++) {
        service_init(&services[i], made[i].name, made[i].options);
        services[i].tickets = services[0].tickets; /* the services of a worker share their
                                                    * keys */
        for (size_t k = 0; k < 2 && made[i].keys[k] != NULL; k++) {
            EVP_PKEY *key = service_key(made[i].keys[k]);

            service_show(&services[i], key);
            EVP_PKEY_free(key);
        }
        service_ready(&services[i]);
    }
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        struct service *service = &services[rows[i].service];

        choices[i] = (struct sni_choice){rows[i].name, service->context, service};
    }
    context_set_sni(services[0].context, choices, sizeof(choices) / sizeof(choices[0]));
}

static void free_services(void)
{
    for (size_t i = 0; i < SERVICES; i++)
        service_destroy(&services[i]);
}

static const char *const names[] = {NULL, "nobody", "two.example", "TWO.Example.",
    "x.two.example", "x.y.two.example", ".two.example", "two.example..", "*.two.example",
    "three.example", "four.example", "five.example", "."};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static const char *name_of(const struct tls_info *facts)
{
    for (size_t i = 0; i < SERVICES; i++) {
        if (facts->service == &services[i])
            return made[i].name;
    }
    return "default";
}

static void shake_hands(const char *name, int version, bool offers, SSL_SESSION *session)
{
    char *bytes, nothing;

    client = SSL_new(clients);
    SSL_set_min_proto_version(client, version);
    SSL_set_max_proto_version(client, version);
    assert_int_equal(SSL_set1_groups_list(client, "X25519:P-256:P-384"), 1);
    if (name != NULL)
        assert_int_equal(SSL_set_tlsext_host_name(client, name), 1);
    if (offers)
        SSL_set_alpn_protos(client, (const unsigned char *)"\2h2\x08http/1.1", 12);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    if (session != NULL) {
        SSL_SESSION *copy = SSL_SESSION_dup(session);

        assert_int_equal(SSL_set_session(client, copy), 1);
        SSL_SESSION_free(copy);
    }
    memset(&side, 0, sizeof(side));
    side.tls = tls_server((struct tls_context *)services[0].context, &side.out);
    for (int i = 0; i < ROUNDS; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_read(client, &nothing, 0);
        (void)SSL_read(client, &nothing, 1);
        long len = BIO_get_mem_data(SSL_get_wbio(client), &bytes);
        side_feed((const unsigned char *)bytes, (size_t)len);
        (void)BIO_reset(SSL_get_wbio(client));
        BIO_write(
            SSL_get_rbio(client), buffer_data(&side.out), (int)buffer_len(&side.out));
        buffer_clear(&side.out);
    }
}

static void end_hands(void)
{
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);
    SSL_free(client);
    side_end();
}

static void note_hands(const char *what)
{
    const struct tls_info *facts = tls_info(side.tls);
    X509 *shown = SSL_get0_peer_certificate(client);
    char line[LINE_MAX_LEN];

    (void)snprintf(line, sizeof(line), "%d %s %s %s alpn=%s sni=%s %s %s %d", side.code,
        facts->version, facts->cipher, facts->group, facts->alpn, facts->sni,
        facts->resumed ? "resumed" : "full", side.tls->open ? name_of(facts) : "not open",
        shown != NULL ? EVP_PKEY_get_bits(X509_get0_pubkey(shown)) : 0);
    note(what, line);
}

static const char *text(const char *name)
{
    return name != NULL ? name : "no name";
}

static void names_lead_to_services(void)
{
    char what[LINE_MAX_LEN];

    make_services();
    for (size_t i = 0; i < 4 * NAMES; i++) {
        int version = i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;

        shake_hands(names[i / 4], version, i % 4 < 2, NULL);
        (void)snprintf(what, sizeof(what), "%s, case %zu", text(names[i / 4]), i % 4);
        note_hands(what);
        end_hands();
    }
    free_services();
}

/* A session with each name is offered with each other. */
static void sessions_stay_with_names(void)
{
    char what[LINE_MAX_LEN];

    make_services();
    for (size_t v = 0; v < 2; v++) {
        int version = v == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;

        for (size_t i = 0; i < NAMES; i++) {
            shake_hands(names[i], version, false, NULL);
            SSL_SESSION *session = side.tls->open ? SSL_get1_session(client) : NULL;
            end_hands();
            for (size_t k = 0; session != NULL && k < NAMES; k++) {
                shake_hands(names[k], version, false, session);
                (void)snprintf(what, sizeof(what), "%s: of %s to %s",
                    v == 0 ? "1.3" : "1.2", text(names[i]), text(names[k]));
                note_hands(what);
                end_hands();
            }
            SSL_SESSION_free(session);
        }
    }
    free_services();
}

static int start(void **state)
{
    (void)state;
    rsa_key = service_key("2048");
    ec_key = service_key("P-256");
    clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(clients, SSL_SESS_CACHE_OFF);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    SSL_CTX_free(clients);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ec_key);
    return 0;
}

static const struct meant nothing[] = {{0}};

/* This is no host name (RFC 6066, 3: no trailing dot). OpenSSL's session for it has no
 * name, ours keeps the text. Both a full handshake and a resumption are right. */
static const struct meant no_name_at_all[] = {
    {"1.2: of two.example.. to two.example..", NULL, NULL}, {0}};

DIFFERENTIAL_TEST(names_lead_to_services_alike, names_lead_to_services, nothing)
DIFFERENTIAL_TEST(
    sessions_stay_with_names_alike, sessions_stay_with_names, no_name_at_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_services_alike),
        cmocka_unit_test(sessions_stay_with_names_alike),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
