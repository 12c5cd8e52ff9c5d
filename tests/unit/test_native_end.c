/* Native handshakes that do not finish, and objects that are freed meanwhile. */
#include "tests/unit/tls_rig.h"

#include "proxy/tls/tls_session.h"
#include "tests/unit/service.h"

enum {
    PENDING_HANDSHAKES_MANY = 21
}; /* more than two batches, and not a multiple of
    * one */

/* Each runs up to its keys, with a client of its own. */
struct pair {
    struct tls *tls;
    struct buffer out;
    SSL *client;
};

static struct service service;

static const char *const keys[] = {"2048", "P-256"};
static const char *const groups[] = {"X25519:P-256", "P-256", "P-384:P-256"};

static void open_service(const char *key)
{
    service_engine = "native";
    service_make(&service, "wlb", "", key);
    server_context = service.context;
}

static void hear(struct pair *pair)
{
    char *bytes;
    long len;

    if (buffer_len(&pair->out) > 0)
        BIO_write(SSL_get_rbio(pair->client), buffer_data(&pair->out),
            (int)buffer_len(&pair->out));
    buffer_clear(&pair->out);
    (void)SSL_do_handshake(pair->client);
    len = BIO_get_mem_data(SSL_get_wbio(pair->client), &bytes);
    if (len > 0)
        tls_feed(pair->tls, bytes, (size_t)len);
}

/* Returns the last result. */
static int step(struct pair *pair)
{
    int event;

    do {
        event = tls_read(pair->tls, server.plain, PLAIN);
    } while (event == TLS_OPENED || event > 0);
    tls_keep(pair->tls);
    if (event != TLS_NEED_KEYS)
        (void)BIO_reset(SSL_get_wbio(pair->client));
    return event;
}

static void begin_pair(struct pair *pair, int version, const char *group, bool urgent)
{
    memset(pair, 0, sizeof(*pair));
    pair->tls = tls_server((struct tls_context *)server_context, &pair->out);
    tls_set_urgent(pair->tls, urgent);
    pair->client = SSL_new(client.context);
    SSL_set_max_proto_version(pair->client, version);
    assert_int_equal(SSL_set1_groups_list(pair->client, group), 1);
    SSL_set_bio(pair->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(pair->client);
    hear(pair);
    (void)step(pair);
    assert_ptr_equal(pair->tls->engine, &tls_native);
}

static void end_pair(struct pair *pair)
{
    tls_free(pair->tls);
    buffer_destroy(&pair->out);
    SSL_free(pair->client);
    memset(pair, 0, sizeof(*pair));
}

static void open_pair(struct pair *pair)
{
    for (int i = 0; i < 30 && !pair->tls->open; i++) {
        if (tls_awaits_keys(pair->tls))
            (void)engine_run();
        else
            hear(pair);
        (void)step(pair);
    }
    assert_true(pair->tls->open);
}

static void finish_pair(struct pair *pair)
{
    open_pair(pair);
    end_pair(pair);
}

/* Some are freed before their keys are ready, some meanwhile, some when they are ready
 * and unused. The others are not affected. */
static void established_sessions_leave_the_limit(void **state)
{
    static struct pair pairs[PENDING_HANDSHAKES_MANY];

    (void)state;
    for (size_t round = 0; round < 12; round++) {
        int version = round % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;

        open_service(keys[round / 6]);
        for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i++) {
            begin_pair(&pairs[i], version, groups[round / 2 % 3], i % 4 == 3);
        }
        for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i += 5)
            end_pair(&pairs[i]);
        (void)engine_run();
        for (size_t i = 1; i < PENDING_HANDSHAKES_MANY; i += 5)
            end_pair(&pairs[i]);
        (void)engine_run();
        (void)engine_run_urgent();
        for (size_t i = 2; i < PENDING_HANDSHAKES_MANY; i += 5)
            end_pair(&pairs[i]);
        for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i++) {
            if (pairs[i].tls != NULL)
                finish_pair(&pairs[i]);
        }
        assert_int_equal(engine_pending(), 0);
        service_destroy(&service);
    }
}

/* The client is shown the certificate of that key. */
static void finish_shown(struct pair *pair, EVP_PKEY *key)
{
    open_pair(pair);
    X509 *shown = SSL_get0_peer_certificate(pair->client);
    assert_non_null(shown);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(shown), key), 1);
    end_pair(pair);
    EVP_PKEY_free(key);
}

/* The chosen certificate is shown to the end, even if its context has been freed. */
static void contexts_go_amid_a_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int version = i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
        struct pair pair;

        open_service(keys[i / 2]);
        EVP_PKEY *chosen = service_key(keys[i / 2]);
        struct service old = service;
        begin_pair(&pair, version, "P-256", false);
        open_service("P-384");
        context_supersede(old.context, service.context);
        service_destroy(&old);
        finish_shown(&pair, chosen);
        service_destroy(&service);
    }
}

/* The successor's is shown from the first hello on, and kept when the successor is
 * freed. */
static void a_successor_goes_amid_a_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int version = i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
        struct service old, second;
        struct pair pair;

        open_service("P-384");
        old = service;
        open_service(keys[i / 2]);
        second = service;
        EVP_PKEY *chosen = service_key(keys[i / 2]);
        context_supersede(old.context, second.context);
        server_context = old.context;
        begin_pair(&pair, version, "X25519:P-256", false);
        open_service("P-384");
        context_supersede(old.context, service.context); /* releases the second */
        service_destroy(&second);
        service_destroy(&old);
        finish_shown(&pair, chosen);
        service_destroy(&service);
    }
}

/* They rotate while the client computes. Without any there is no ticket, and no
 * failure. */
static void ticket_keys_go_amid_a_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int version = i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
        struct pair pair;

        open_service("P-256");
        begin_pair(&pair, version, "X25519:P-256", false);
        service.tickets.keys[0].name[0] ^= 1;
        service.tickets.count = i < 2 ? 1 : 0;
        finish_pair(&pair);
        service_destroy(&service);
    }
}

static int run(enum engine_choice how)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_sessions_leave_the_limit),
        cmocka_unit_test(contexts_go_amid_a_handshake),
        cmocka_unit_test(a_successor_goes_amid_a_handshake),
        cmocka_unit_test(ticket_keys_go_amid_a_handshake),
    };
    struct error err;
    int failed;

    if (!engine_start(how, &err))
        service_give_up(err.text);
    client.context = SSL_CTX_new(TLS_client_method());
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    SSL_CTX_free(client.context);
    service_forget_keys();
    engine_stop();
    return failed;
}

int main(void)
{
    return run(ENGINE_AUTO) + run(ENGINE_OWN);
}
