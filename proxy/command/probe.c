#include "proxy/command/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/error.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"

enum { TIMEOUT_MS = 20 * 1000, HEX = 2 * 32 + 1 };

static void make_blocking(int fd, const struct daemon *daemon)
{
    int left = daemon_timeout(daemon), ms = left < TIMEOUT_MS ? left : TIMEOUT_MS;
    struct timeval timeout = {ms / 1000, ms % 1000 * 1000};
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static bool fingerprint(SSL *ssl, char hex[HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509 *leaf = SSL_get1_peer_certificate(ssl);
    bool good = leaf != NULL && X509_digest(leaf, EVP_sha256(), digest, &len) == 1;

    X509_free(leaf);
    for (unsigned i = 0; good && i < len && 2 * i + 2 < HEX; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return good;
}

struct expectation {
    const struct daemon *daemon;
    const json_t *service, *certificate; /* certificate NULL: any of the service's */
};

static bool is_expected(const struct expectation *e, const char *sha256)
{
    const json_t *certificate;
    size_t i;

    if (e->certificate != NULL)
        return strcmp(json_text(e->certificate, "sha256"), sha256) == 0;
    json_array_foreach(json_object_get(e->service, "certificates"), i, certificate)
    {
        if (strcmp(json_text(certificate, "sha256"), sha256) == 0)
            return true;
    }
    return false;
}

static bool handshake(SSL *ssl, int fd, const struct expectation *e, struct error *err)
{
    char sha256[HEX] = "";
    const char *reason;

    make_blocking(fd, e->daemon);
    if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1 || !fingerprint(ssl, sha256)) {
        reason = ERR_reason_error_string(ERR_get_error());
        return error_set(err, "the handshake failed: %s",
            reason != NULL ? reason : "closed, or no answer in time");
    }
    SSL_shutdown(ssl);
    if (!is_expected(e, sha256))
        return error_set(err, "presents another certificate, sha256 %s", sha256);
    return true;
}

/* Nothing is verified, because the question is which certificate comes. */
static bool handshakes(const struct expectation *e, const struct control_answer *answer,
    SSL_CTX *context, struct error *err)
{
    for (size_t i = 0; i < answer->fd_count; i++) {
        SSL *ssl = SSL_new(context);
        bool good = ssl != NULL && handshake(ssl, answer->fds[i], e, err);

        if (ssl == NULL)
            error_set(err, "out of memory");
        SSL_free(ssl);
        if (!good) {
            const json_t *worker =
                json_array_get(json_object_get(answer->json, "workers"), i);

            return error_context(err, "[%s] worker %" JSON_INTEGER_FORMAT,
                json_text(e->service, "name"), json_integer_value(worker));
        }
    }
    return true;
}

/* If there are two kinds of certificates, the client's signature algorithms choose. */
static bool ask_for(SSL_CTX *context, const json_t *certificate)
{
    const char *key = certificate != NULL ? json_text(certificate, "key") : "";

    if (strncmp(key, "RSA-PSS", 7) == 0)
        return SSL_CTX_set1_sigalgs_list(context,
                   "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512") == 1;
    if (strncmp(key, "RSA", 3) == 0)
        return SSL_CTX_set1_sigalgs_list(context,
                   "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:"
                   "RSA+SHA512") == 1;
    if (strncmp(key, "EC", 2) == 0)
        return SSL_CTX_set1_sigalgs_list(
                   context, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512") == 1;
    return true;
}

bool probe_service(const struct daemon *daemon, const json_t *service,
    const json_t *certificate, size_t *workers, struct error *err)
{
    const struct expectation expectation = {daemon, service, certificate};
    struct control_answer answer;
    SSL_CTX *context;
    bool good;

    *workers = 0;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error of write(), too */
    if (!daemon_ask(daemon, "probe", json_text(service, "name"), &answer, err))
        return false;
    good = json_is_true(json_object_get(answer.json, "ok"));
    if (!good)
        error_set(err, "[%s] cannot be tried: %s", json_text(service, "name"),
            json_text(answer.json, "error"));
    context = good ? SSL_CTX_new(TLS_client_method()) : NULL;
    good = context != NULL && ask_for(context, certificate) &&
        handshakes(&expectation, &answer, context, err);
    *workers = answer.fd_count;
    SSL_CTX_free(context);
    control_answer_destroy(&answer);
    return good;
}
