#include "proxy/command/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certstore/judge/xenserver.h"
#include "certstore/read/collect.h"
#include "config/endpoint.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"

enum { TIMEOUT_MS = 15000, DEFAULT_PORT = 8012, ADDRESSES_MAX = 8 };

static const char xapi_ciphers[] =
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";

/* A client: XenServer's, or one that differs from it in one respect. */
struct offer {
    int version; /* 0: all */
    const char *ciphers, *groups; /* NULL: the library's */
};

static const struct offer xapi_offer = {TLS1_2_VERSION, xapi_ciphers, "secp384r1"};
static const struct offer modern_offer = {0, NULL, NULL};

bool peer_name(struct peer *peer, const char *text, struct error *err)
{
    struct in6_addr v6;
    const char *colon = strrchr(text, ':');

    *peer = (struct peer){0};
    if (strlen(text) >= sizeof(peer->host) - 2 || strncmp(text, "unix:", 5) == 0)
        return error_set(err, "'%.80s' is not HOST:PORT", text);
    if (inet_pton(AF_INET6, text, &v6) == 1)
        snprintf(peer->where, sizeof(peer->where), "[%s]:%d", text, DEFAULT_PORT);
    else if (colon == NULL || strchr(colon, ']') != NULL)
        snprintf(peer->where, sizeof(peer->where), "%s:%d", text, DEFAULT_PORT);
    else
        snprintf(peer->where, sizeof(peer->where), "%s", text);
    if (!endpoint_check(peer->where, ENDPOINT_CONNECT, err))
        return false;
    colon = strrchr(peer->where, ':');
    snprintf(
        peer->host, sizeof(peer->host), "%.*s", (int)(colon - peer->where), peer->where);
    if (peer->host[0] == '[') {
        memmove(peer->host, peer->host + 1, strlen(peer->host));
        peer->host[strlen(peer->host) - 1] = '\0';
    }
    return true;
}

/* Waits until `end`; false if that has passed. */
static bool wait_for(int fd, short events, long long end)
{
    struct pollfd one = {fd, events, 0};
    long long left = end - clock_now_ms();

    return left > 0 && poll(&one, 1, (int)left) > 0;
}

static int connect_to(const struct endpoint *address, long long end)
{
    int fd =
        socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fault = 0;
    socklen_t len = sizeof(fault);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address->address, address->len) == 0)
        return fd;
    if (errno != EINPROGRESS)
        fault = errno;
    else if (!wait_for(fd, POLLOUT, end))
        fault = ETIMEDOUT;
    else
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len);
    if (fault == 0)
        return fd;
    (void)close(fd);
    errno = fault;
    return -1;
}

/* The first address that answers. */
static int open_connection(const struct peer *peer, long long end, struct error *err)
{
    struct endpoint list[ADDRESSES_MAX];
    size_t count =
        endpoint_resolve(peer->where, ENDPOINT_CONNECT, list, ADDRESSES_MAX, err);
    int fd = -1;

    for (size_t i = 0; i < count && fd < 0; i++) {
        fd = connect_to(&list[i], end);
        if (fd < 0)
            error_set(
                err, "%s: it cannot be connected to: %s", list[i].text, strerror(errno));
    }
    return fd;
}

static int no_certificate(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)certificate;
    (void)key;
    ((struct peer *)SSL_get_app_data(ssl))->asks_certificate = true;
    return 0;
}

static SSL_CTX *make_context(const struct offer *offer)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_level(context, 0); /* even a weak server is shown */
    SSL_CTX_set_client_cert_cb(context, no_certificate);
    (void)SSL_CTX_set_min_proto_version(context, offer->version);
    (void)SSL_CTX_set_max_proto_version(context, offer->version);
    if (offer->ciphers != NULL)
        (void)SSL_CTX_set_cipher_list(context, offer->ciphers);
    if (offer->groups != NULL)
        (void)SSL_CTX_set1_groups_list(context, offer->groups);
    return context;
}

static const char *why_it_failed(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER)
        return "the server answers, but not in TLS: is it another port?";
    return reason != NULL ? reason : "the server closed the connection";
}

static bool drive(SSL *ssl, int fd, long long end, struct error *err)
{
    for (;;) {
        int result = SSL_do_handshake(ssl), what;

        if (result == 1)
            return true;
        what = SSL_get_error(ssl, result);
        if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
            if (wait_for(fd, what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end))
                continue;
            return error_set(err, "the server does not go on with the handshake");
        }
        return error_set(err, "%s", why_it_failed());
    }
}

static void describe_terms(SSL *ssl, char *text, size_t size)
{
    char group[80] = "";
    int id = SSL_get_negotiated_group(ssl);
    const char *name = id == 0 ? NULL : SSL_group_to_name(ssl, id);

    if (name != NULL)
        snprintf(group, sizeof(group), ", %s", name);
    snprintf(
        text, size, "%s, %s%s", SSL_get_version(ssl), SSL_get_cipher_name(ssl), group);
}

static void take_chain(SSL *ssl, struct collection *collection)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    for (int i = 0; i < sk_X509_num(chain); i++)
        collection_add_certificate(collection, sk_X509_value(chain, i));
}

/* Makes one handshake with `offer`; `collection` may be NULL. */
static bool try_offer(struct peer *peer, const struct offer *offer,
    struct collection *collection, char terms[PEER_TEXT_MAX], struct error *err)
{
    long long end = clock_now_ms() + TIMEOUT_MS;
    int fd = open_connection(peer, end, err);
    SSL_CTX *context;
    SSL *ssl;
    bool done;

    if (fd < 0)
        return false;
    ERR_clear_error();
    context = make_context(offer);
    ssl = context == NULL ? NULL : SSL_new(context);
    done = ssl != NULL && SSL_set_app_data(ssl, peer) == 1 && SSL_set_fd(ssl, fd) == 1 &&
        SSL_set_tlsext_host_name(ssl, peer->host) == 1;
    if (done) {
        SSL_set_connect_state(ssl);
        done = drive(ssl, fd, end, err);
    } else {
        error_set(err, "this OpenSSL cannot make such a handshake");
    }
    if (done) {
        describe_terms(ssl, terms, PEER_TEXT_MAX);
        if (collection != NULL)
            take_chain(ssl, collection);
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    (void)close(fd);
    return done;
}

/* Finds the difference between the two clients that makes XenServer's fail. */
static void find_reason(struct peer *peer, const struct collection *seen)
{
    static const struct {
        struct offer offer;
        const char *words;
    } points[] = {
        {{TLS1_2_VERSION, xapi_ciphers, NULL},
            "the server does not offer the group P-384 (secp384r1), the only one that it "
            "offers"},
        {{TLS1_2_VERSION, NULL, "secp384r1"},
            "the server has none of its ciphers, ECDHE-RSA-AES256-GCM-SHA384 and "
            "ECDHE-RSA-AES128-GCM-SHA256"},
        {{TLS1_2_VERSION, NULL, NULL},
            "the server has neither its ciphers nor its group P-384"},
    };
    const struct collected *leaf = collection_get(seen, COLLECTED_CERTIFICATE, 0);
    EVP_PKEY *key = leaf == NULL ? NULL : X509_get0_pubkey(leaf->certificate);
    char terms[PEER_TEXT_MAX];
    struct error err;
    const char *words =
        "the server does not speak TLS 1.2, the only version that it speaks";

    for (size_t i = sizeof(points) / sizeof(points[0]); i-- > 0;) {
        if (try_offer(peer, &points[i].offer, NULL, terms, &err))
            words = points[i].words;
    }
    if (key != NULL && !xenserver_takes_key(key))
        words = "the server has no certificate with an RSA key, and it takes no other";
    else if (peer->asks_certificate)
        words = "the server wants to see a client certificate, and it has none";
    snprintf(peer->reason, sizeof(peer->reason), "%s", words);
}

bool peer_look(struct peer *peer, struct collection *collection, struct error *err)
{
    struct error modern_err;
    bool modern;

    peer->xapi = try_offer(peer, &xapi_offer, collection, peer->terms, err);
    modern = try_offer(peer, &modern_offer, peer->xapi ? NULL : collection,
        peer->modern_terms, &modern_err);
    if (!peer->xapi && modern)
        find_reason(peer, collection);
    return peer->xapi || modern;
}
