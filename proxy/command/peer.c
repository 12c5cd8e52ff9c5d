#include "proxy/command/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "certstore/certificate.h"
#include "certstore/judge/xenserver.h"
#include "certstore/read/collect.h"
#include "config/endpoint.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/privileges.h"

enum { TIMEOUT_MS = 15000, DEFAULT_PORT = 8012, ADDRESSES_MAX = 8 };

static const char xapi_ciphers[] =
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";

/* A client: XenServer's, or one that differs from it in one respect. */
static const struct handshake_offer xapi_offer = {
    .version = TLS1_2_VERSION, .ciphers = xapi_ciphers, .groups = "secp384r1"};
static const struct handshake_offer modern_offer = {0};

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
static bool wait_for(int fd, short events, int64_t end)
{
    struct pollfd one = {fd, events, 0};
    int64_t left = end - clock_now_ms();

    return left > 0 && poll(&one, 1, (int)left) > 0;
}

static int connect_to(const struct endpoint *address, int64_t end)
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
static int open_connection(const struct peer *peer, int64_t end, struct error *err)
{
    struct endpoint list[ADDRESSES_MAX];
    struct identity identity;
    size_t count = 0;
    int fd = -1;

    if (apart_identity(&identity, err))
        count = helper_resolve(&identity, peer->where, ENDPOINT_CONNECT, list,
            ADDRESSES_MAX, (int)(end - clock_now_ms()), err);

    for (size_t i = 0; i < count && fd < 0; i++) {
        fd = connect_to(&list[i], end);
        if (fd < 0)
            error_set(
                err, "%s: it cannot be connected to: %s", list[i].text, strerror(errno));
    }
    return fd;
}

static void take_chain(const struct handshake *seen, struct collection *collection)
{
    for (size_t i = 0; i < seen->chain_len; i++) {
        X509 *certificate =
            certificate_parse(seen->chain[i].at, seen->chain[i].len, false, NULL);

        if (certificate != NULL)
            collection_add_certificate(collection, certificate);
        X509_free(certificate);
    }
}

static bool take(struct peer *peer, const struct handshake *seen,
    struct collection *collection, char terms[PEER_TEXT_MAX], struct error *err)
{
    peer->asks_certificate |= seen->asks_certificate;
    if (!seen->done)
        return error_set(err, "%s", seen->err.text);
    snprintf(terms, PEER_TEXT_MAX, "%s", seen->terms);
    if (collection != NULL)
        take_chain(seen, collection);
    return true;
}

/* One handshake as `offer` has it; `collection` may be NULL. */
static bool try_offer(struct peer *peer, const struct handshake_offer *offer,
    struct collection *collection, char terms[PEER_TEXT_MAX], struct error *err)
{
    int64_t end = clock_now_ms() + TIMEOUT_MS;
    struct handshake_offer named = *offer;
    static struct handshakes seen;
    int fd = open_connection(peer, end, err), left;
    bool done;

    if (fd < 0)
        return false;
    named.server_name = peer->host;
    left = (int)(end - clock_now_ms());
    done = handshakes_apart(&seen, &named, &fd, 1, left > 0 ? left : 0, err);
    if (done) {
        done = take(peer, &seen.list[0], collection, terms, err);
        handshakes_destroy(&seen);
    }
    (void)close(fd);
    return done;
}

bool peer_ask(
    struct peer *peer, const char *name, bool http, unsigned *status, struct error *err)
{
    static struct handshakes seen;
    struct handshake_offer offer = xapi_offer;
    int fd = open_connection(peer, clock_now_ms() + TIMEOUT_MS, err);
    bool done = false;

    *status = 0;
    if (fd < 0)
        return false;
    offer.server_name = name != NULL ? name : peer->host;
    offer.leaf_only = true;
    offer.request = http;
    if (handshakes_apart(&seen, &offer, &fd, 1, TIMEOUT_MS, err)) {
        *status = seen.list[0].status;
        done = seen.list[0].done && (!http || *status != 0);
        if (!done)
            error_set(err, "%s: %s%s", peer->where,
                seen.list[0].done ? "" : "a handshake as XenServer's failed: ",
                seen.list[0].err.text);
        handshakes_destroy(&seen);
    }
    (void)close(fd);
    return done;
}

/* Finds the difference between the two clients that makes XenServer's fail. */
static void find_reason(struct peer *peer, const struct collection *seen)
{
    static const struct {
        struct handshake_offer offer;
        const char *words;
    } points[] = {
        {{.version = TLS1_2_VERSION, .ciphers = xapi_ciphers},
            "the server does not offer the group P-384 (secp384r1), the only one that it "
            "offers"},
        {{.version = TLS1_2_VERSION, .groups = "secp384r1"},
            "the server has none of its ciphers, ECDHE-RSA-AES256-GCM-SHA384 and "
            "ECDHE-RSA-AES128-GCM-SHA256"},
        {{.version = TLS1_2_VERSION},
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
