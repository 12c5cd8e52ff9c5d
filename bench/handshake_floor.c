/*
 * handshake_floor - the cost of a TLS handshake to a server when nothing but struct tls
 * and the engine runs: client and server in one process, without sockets; only the
 * server's time counts. Every figure of the side by side is above this floor. It is
 * measured with OpenSSL, with our own code, and batched, as far as this CPU can; the last
 * two also with OpenSSL's handshake. The cost of one operation on P-384 alone is printed
 * first.
 *
 *     handshake_floor [seconds per measurement [part of a scenario's name]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "config/settings.h"
#include "proxy/base/buffer.h"
#include "proxy/base/error.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/p384.h"
#include "proxy/tls/tls.h"

enum { CONCURRENCY_MAX = 64, PLAIN_ROOM = 32768, YEAR = 365 * 24 * 3600 };

static const struct scenario {
    const char *name, *groups;
    int version;
    const char *key; /* NULL: RSA 2048 */
    bool resumed;
} scenarios[] = {
    {"xapi (TLS 1.2, P-384, RSA)", "P-384", TLS1_2_VERSION, NULL, false},
    {"TLS 1.2, X25519, RSA", "X25519", TLS1_2_VERSION, NULL, false},
    {"TLS 1.3, X25519, RSA", "X25519", TLS1_3_VERSION, NULL, false},
    {"TLS 1.3, X25519, ECDSA", "X25519", TLS1_3_VERSION, "P-256", false},
    {"TLS 1.3, P-256, ECDSA", "P-256", TLS1_3_VERSION, "P-256", false},
    {"TLS 1.3, X25519, resumed", "X25519", TLS1_3_VERSION, "P-256", true},
    {"TLS 1.3, P-256, resumed", "P-256", TLS1_3_VERSION, "P-256", true},
    {"TLS 1.2, resumed", "X25519:P-256", TLS1_2_VERSION, "P-256", true},
};

struct pair {
    struct tls *server;
    struct buffer from_server;
    SSL *client;
    BIO *to_client, *from_client;
    bool server_done;
};

static double server_us; /* spent so far */

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "handshake_floor: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static X509 *certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    (void)X509_set_version(cert, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), YEAR);
    (void)X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"wlb.example", -1, -1, 0);
    (void)X509_set_issuer_name(cert, name);
    (void)X509_set_pubkey(cert, key);
    if (X509_sign(cert, key, EVP_sha256()) == 0)
        die("no certificate");
    return cert;
}

static struct ticket_keys tickets = {
    .keys = {{.name = "floor", .aes = "floor", .hmac = "floor"}}, .count = 1};

/* Made as for a service. */
static SSL_CTX *configured(const struct scenario *scenario, bool native)
{
    char text[256];
    struct error err;
    struct settings *settings;
    SSL_CTX *context;

    (void)snprintf(text, sizeof(text),
        "[floor]\naccept = 1\nconnect = h:1\ncert = /c\nkey = /k\ngroups = %s\n"
        "tls_engine = %s\n",
        scenario->groups, native ? "native" : "openssl");
    settings = settings_parse(text, "floor", &err);
    if (settings == NULL)
        die(err.text);
    context = context_new(
        engine_libctx(), &settings->services[0], NULL, 0, &tickets, NULL, NULL, &err);
    if (context == NULL)
        die(err.text);
    settings_free(settings);
    return context;
}

static SSL_CTX *server_context(const struct scenario *scenario, bool native)
{
    SSL_CTX *context = configured(scenario, native);
    EVP_PKEY *key = scenario->key == NULL
        ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
        : EVP_PKEY_Q_keygen(NULL, NULL, "EC", scenario->key);
    X509 *cert = certificate(key);

    if (SSL_CTX_use_cert_and_key(context, cert, key, NULL, 1) != 1)
        die("no certificate for the server");
    engine_adopt(context);
    X509_free(cert);
    EVP_PKEY_free(key);
    return context;
}

static SSL_CTX *client_context(const struct scenario *scenario)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL ||
        SSL_CTX_set_min_proto_version(context, scenario->version) != 1 ||
        SSL_CTX_set_max_proto_version(context, scenario->version) != 1 ||
        SSL_CTX_set1_groups_list(context, scenario->groups) != 1 ||
        SSL_CTX_set_cipher_list(
            context, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384") != 1)
        die("no client context");
    return context;
}

static void open_pair(
    struct pair *pair, SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
    double began;

    memset(pair, 0, sizeof(*pair));
    pair->client = SSL_new(client);
    pair->to_client = BIO_new(BIO_s_mem());
    pair->from_client = BIO_new(BIO_s_mem());
    SSL_set_bio(pair->client, pair->to_client, pair->from_client);
    SSL_set_connect_state(pair->client);
    if (session != NULL)
        (void)SSL_set_session(pair->client, session);
    began = now_us();
    pair->server = tls_server((struct tls_context *)server, &pair->from_server);
    server_us += now_us() - began;
}

static void close_pair(struct pair *pair)
{
    double began = now_us();

    tls_free(pair->server);
    buffer_destroy(&pair->from_server);
    server_us += now_us() - began;
    /* otherwise OpenSSL calls the session bad, and does not resume it */
    SSL_set_shutdown(pair->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(pair->client);
}

static void step_server(struct pair *pair)
{
    static char room[PLAIN_ROOM];
    char *bytes;
    long len = BIO_get_mem_data(pair->from_client, &bytes);
    double began = now_us();
    int event;

    if (len > 0)
        tls_feed(pair->server, bytes, (size_t)len);
    event = tls_read(pair->server, room, sizeof(room));
    tls_keep(pair->server);
    server_us += now_us() - began;
    (void)BIO_reset(pair->from_client);
    pair->server_done = event == TLS_OPENED;
    if (event != TLS_OPENED && event != TLS_NEED_INPUT && event != TLS_NEED_KEYS)
        die("handshake failed");
    if (buffer_len(&pair->from_server) > 0)
        (void)BIO_write(pair->to_client, buffer_data(&pair->from_server),
            (int)buffer_len(&pair->from_server));
    buffer_clear(&pair->from_server);
}

static bool awaits_keys(const struct pair *pair)
{
    return tls_awaits_keys(pair->server) && !tls_keys_are_ready(pair->server);
}

/* True when both sides are done. */
static bool step(struct pair *pair)
{
    bool client_done =
        SSL_is_init_finished(pair->client) == 1 || SSL_do_handshake(pair->client) == 1;

    if (!pair->server_done && !awaits_keys(pair))
        step_server(pair);
    return client_done && pair->server_done;
}

static void run_engine(void)
{
    double began = now_us();

    if (engine_pending() > 0)
        (void)engine_run();
    server_us += now_us() - began;
}

static SSL_SESSION *first_session(SSL_CTX *server, SSL_CTX *client)
{
    struct pair pair;
    SSL_SESSION *session;
    char byte;

    open_pair(&pair, server, client, NULL);
    while (!step(&pair))
        run_engine();
    (void)SSL_read(pair.client, &byte, 1); /* the ticket of TLS 1.3 follows */
    session = SSL_get1_session(pair.client);
    close_pair(&pair);
    return session;
}

static double measure(
    const struct scenario *scenario, bool native, size_t concurrency, double seconds)
{
    static struct pair pairs[CONCURRENCY_MAX];
    SSL_CTX *server = server_context(scenario, native),
            *client = client_context(scenario);
    SSL_SESSION *session = scenario->resumed ? first_session(server, client) : NULL;
    double until = now_us() + seconds * 1e6;
    size_t done = 0;

    for (size_t i = 0; i < concurrency; i++)
        open_pair(&pairs[i], server, client, session);
    server_us = 0;
    while (now_us() < until) {
        for (size_t i = 0; i < concurrency; i++) {
            if (!step(&pairs[i]))
                continue;
            if (scenario->resumed && !tls_is_resumed(pairs[i].server))
                die("the session was not resumed");
            done++;
            close_pair(&pairs[i]);
            open_pair(&pairs[i], server, client, session);
        }
        run_engine();
    }
    for (size_t i = 0; i < concurrency; i++)
        close_pair(&pairs[i]);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return server_us / (double)done;
}

static double derive_us(EVP_PKEY *key, double seconds)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX];
    double began = now_us();
    size_t len = sizeof(secret), done = 0;

    if (EVP_PKEY_derive_init(context) != 1 ||
        EVP_PKEY_derive_set_peer_ex(context, key, 0) != 1)
        die("no P-384");
    for (; now_us() < began + seconds * 1e6; done++)
        (void)EVP_PKEY_derive(context, secret, &len);
    EVP_PKEY_CTX_free(context);
    return (now_us() - began) / (double)done;
}

static void print_lone_operations(double seconds)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    unsigned char secret[P384_SECRET_LEN];
    uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX] = {3, 1, 4, 1, 5, 9}, x[6], y[6];
    double began, made_us, derived_us;
    size_t made = 0, derived = 0;

    p384_start(P384_BEST);
    (void)p384_public(x, y, scalar);
    began = now_us();
    for (; now_us() < began + seconds * 1e6; made++)
        (void)p384_public(x, y, scalar);
    made_us = (now_us() - began) / (double)made;
    began = now_us();
    for (; now_us() < began + seconds * 1e6; derived++)
        (void)p384_derive(secret, scalar, x, y);
    derived_us = (now_us() - began) / (double)derived;
    (void)printf("P-384, one at a time, us: key %.1f, derivation %.1f (OpenSSL %.1f)\n",
        made_us, derived_us, derive_us(key, seconds));
    EVP_PKEY_free(key);
}

/* Stock and own run one operation at a time, however many wait. */
static void print_floor(double seconds, const char *part, bool native)
{
    static const size_t concurrencies[] = {1, 8, 16, 64};
    size_t columns = engine_is_batched() ? 4 : 1;

    (void)printf("\n%s, TLS engine %s\nserver CPU per handshake, us    ",
        engine_description(), native ? "native" : "openssl");
    for (size_t c = 0; c < columns; c++)
        (void)printf("     x%-3zu", concurrencies[c]);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (part != NULL && strstr(scenarios[i].name, part) == NULL)
            continue;
        (void)printf("\n%-30s", scenarios[i].name);
        for (size_t c = 0; c < columns; c++) {
            (void)printf(
                " %8.1f", measure(&scenarios[i], native, concurrencies[c], seconds));
            (void)fflush(stdout);
        }
    }
    (void)printf("\n");
}

static void print_floors_of(enum engine_choice choice, double seconds, const char *part)
{
    struct error err;

    if (!engine_start(choice, &err))
        die(err.text);
    if (choice != ENGINE_AUTO || engine_is_batched()) {
        print_floor(seconds, part, false);
#ifdef WLB_TLS_NATIVE
        if (engine_supports_native())
            print_floor(seconds, part, true);
#endif
    }
    engine_stop();
}

int main(int argc, char **argv)
{
    static const enum engine_choice choices[] = {ENGINE_STOCK, ENGINE_OWN, ENGINE_AUTO};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1.0;

    (void)printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    print_lone_operations(seconds);
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        print_floors_of(choices[i], seconds, argc > 2 ? argv[2] : NULL);
    return 0;
}
