#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "proxy/net/tls_session.h"

/* One for all sessions: asked for when a line is logged, not kept per connection. */
static struct {
    struct tls_facts facts;
    char alpn[32], subject[256], sha256[65], alert[64];
} latest;

static void explain_failure(const struct tls *tls)
{
    struct tls_facts *f = &latest.facts;
    struct tls_hello hello;

    tls_hello_read(&hello, buffer_data(&tls->hello), buffer_len(&tls->hello));
    snprintf(f->offered, sizeof(f->offered), "%s", hello.offered);
    if (tls->dead)
        f->cause_kind = tls_cause_find(tls, &hello, f->cause, sizeof(f->cause));
}

/* Some of OpenSSL's are in another style, some it has not heard of. */
static const char *alert_name(int alert)
{
    switch (alert) {
    case SSL_AD_UNEXPECTED_MESSAGE:
        return "unexpected message";
    case SSL_AD_MISSING_EXTENSION:
        return "missing extension";
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "certificate required";
    default:
        return SSL_alert_desc_string_long(alert);
    }
}

static const char *alert_text(const struct tls *tls)
{
    int alert = tls->alert_received >= 0 ? tls->alert_received : tls->alert_sent;

    if (alert <= 0) /* none, or close_notify */
        return "";
    snprintf(latest.alert, sizeof(latest.alert), "%s", alert_name(alert));
    return latest.alert;
}

static const char *alpn_text(const SSL *ssl)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(ssl, &name, &len);
    snprintf(latest.alpn, sizeof(latest.alpn), "%.*s", (int)len, (const char *)name);
    return latest.alpn;
}

static void describe_peer(const SSL *ssl)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);
    unsigned char digest[32];
    unsigned len = sizeof(digest);

    latest.subject[0] = latest.sha256[0] = '\0';
    if (peer == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return;
    X509_NAME_oneline(
        X509_get_subject_name(peer), latest.subject, sizeof(latest.subject));
    if (X509_digest(peer, EVP_sha256(), digest, &len) != 1)
        return;
    for (unsigned i = 0; i < len; i++)
        snprintf(latest.sha256 + 2 * i, 3, "%02x", digest[i]);
}

static const char *group_text(SSL *ssl)
{
    int group = (int)SSL_get_negotiated_group(ssl);
    const char *name = group > 0 ? SSL_group_to_name(ssl, group) : NULL;

    return name != NULL ? name : "";
}

static void describe_session(struct tls *tls)
{
    struct tls_facts *f = &latest.facts;
    const char *cipher = SSL_get_cipher_name(tls->ssl);

    if (!tls->open)
        return;
    f->version = SSL_get_version(tls->ssl);
    f->cipher = cipher != NULL ? cipher : "";
    f->group = group_text(tls->ssl);
    f->resumed = SSL_session_reused(tls->ssl) == 1;
}

const struct tls_facts *tls_facts(struct tls *tls)
{
    struct tls_facts *f = &latest.facts;
    const char *sni = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);

    f->version = f->cipher = f->group = "";
    f->sni = sni != NULL ? sni : "";
    f->alpn = alpn_text(tls->ssl);
    describe_peer(tls->ssl);
    f->peer_subject = latest.subject;
    f->peer_sha256 = latest.sha256;
    f->service = context_owner(SSL_get_SSL_CTX(tls->ssl));
    f->handshake_done = tls->open;
    f->resumed = false;
    f->offered[0] = f->cause[0] = '\0';
    f->cause_kind = TLS_CAUSE_OTHER;
    describe_session(tls);
    f->alert = alert_text(tls);
    if (!tls->open)
        explain_failure(tls);
    return f;
}
