#include "proxy/command/probe.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "proxy/base/error.h"
#include "proxy/command/apart.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"

enum { TIMEOUT_MS = 20 * 1000, HEX = 2 * 32 + 1 };

static bool fingerprint(const struct bytes *leaf, char hex[HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(leaf->at, leaf->len, digest, &len, EVP_sha256(), NULL) != 1)
        return false;
    for (unsigned i = 0; i < len && 2 * i + 2 < HEX; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
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

static bool judge(
    const struct handshake *seen, const struct expectation *e, struct error *err)
{
    char sha256[HEX] = "";

    if (!seen->done || seen->chain_len == 0 || !fingerprint(&seen->chain[0], sha256))
        return error_set(err, "the handshake failed: %s", seen->err.text);
    return is_expected(e, sha256) ||
        error_set(err, "presents another certificate, sha256 %s", sha256);
}

static bool judge_all(const struct handshakes *seen, size_t from, size_t count,
    const struct expectation *e, const json_t *answer, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *worker =
            json_array_get(json_object_get(answer, "workers"), from + i);

        if (!judge(&seen->list[i], e, err))
            return error_context(err, "[%s] worker %" JSON_INTEGER_FORMAT,
                json_text(e->service, "name"), json_integer_value(worker));
    }
    return true;
}

/* If there are two kinds of certificates, the client's signature algorithms choose. */
static const char *signatures_for(const json_t *certificate)
{
    const char *key = certificate != NULL ? json_text(certificate, "key") : "";

    if (strncmp(key, "RSA-PSS", 7) == 0)
        return "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512";
    if (strncmp(key, "RSA", 3) == 0)
        return "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:"
               "RSA+SHA512";
    return strncmp(key, "EC", 2) == 0 ? "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512" : NULL;
}

/* Nothing is verified, because the question is which certificate comes. */
static bool shake_hands(
    const struct expectation *e, const struct control_answer *answer, struct error *err)
{
    const struct handshake_offer offer = {
        .signatures = signatures_for(e->certificate), .leaf_only = true};
    static struct handshakes seen;
    int left = daemon_timeout(e->daemon),
        timeout_ms = left < TIMEOUT_MS ? left : TIMEOUT_MS;
    bool good = true;

    for (size_t at = 0; good && at < answer->fd_count; at += HANDSHAKES_MAX) {
        size_t rest = answer->fd_count - at,
               count = rest < HANDSHAKES_MAX ? rest : HANDSHAKES_MAX;

        if (!handshakes_apart(&seen, &offer, answer->fds + at, count, timeout_ms, err))
            return error_context(err, "[%s]", json_text(e->service, "name"));
        good = judge_all(&seen, at, count, e, answer->json, err);
        handshakes_destroy(&seen);
    }
    return good;
}

bool probe_service(const struct daemon *daemon, const json_t *service,
    const json_t *certificate, size_t *workers, struct error *err)
{
    const struct expectation expectation = {daemon, service, certificate};
    struct control_answer answer;
    bool good;

    *workers = 0;
    if (!daemon_ask(daemon, "probe", json_text(service, "name"), &answer, err))
        return false;
    good = json_is_true(json_object_get(answer.json, "ok"));
    if (!good)
        error_set(err, "[%s] cannot be tried: %s", json_text(service, "name"),
            json_text(answer.json, "error"));
    good = good && shake_hands(&expectation, &answer, err);
    *workers = answer.fd_count;
    control_answer_destroy(&answer);
    return good;
}
