#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "proxy/net/tls_session.h"

/* One for all sessions: asked for when a line is logged, not kept per connection. */
static struct {
    struct tls_facts facts;
    char alpn[32], subject[256], sha256[65], alert[64];
} latest;

static const struct {
    int alert;
    const char *cause;
} told_by_client[] = {
    {SSL_AD_UNKNOWN_CA,
        "the client does not trust our certificate: install its CA (or the "
        "self-signed certificate itself) in the pool"},
    {SSL_AD_BAD_CERTIFICATE,
        "the client refuses our certificate: the one installed in the "
        "pool is another, or its chain is incomplete"},
    {SSL_AD_CERTIFICATE_EXPIRED,
        "the client finds our certificate expired: renew it, or set the client's clock"},
    {SSL_AD_CERTIFICATE_REVOKED, "the client finds our certificate revoked"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "the client refuses our certificate without saying why"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "the client cannot use this kind of certificate"},
    {SSL_AD_INTERNAL_ERROR,
        "the client gave up; stunnel says so when the host in the WLB "
        "URL is not a name in our certificate"},
    {SSL_AD_HANDSHAKE_FAILURE, "the client found nothing acceptable in our answer"},
    {SSL_AD_PROTOCOL_VERSION, "the client refuses the TLS version chosen"},
    {SSL_AD_INSUFFICIENT_SECURITY, "the client wants stronger algorithms"},
    {SSL_AD_DECRYPT_ERROR, "the client could not verify our signature"},
    {SSL_AD_ILLEGAL_PARAMETER, "the client finds a value in our answer illegal"},
    {SSL_AD_UNRECOGNIZED_NAME, "the client does not know the name we answered for"},
    {SSL_AD_USER_CANCELLED, "the client cancelled"},
};

static const struct {
    int reason;
    const char *cause;
} found_by_us[] = {
    {SSL_R_NO_SHARED_CIPHER,
        "no cipher in common that fits our certificate's key (its kind; of an EC key "
        "also "
        "the curve)"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange group in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
        "no signature algorithm in common that fits our certificate's key"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no signature algorithm in common"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
        "this service requires a client certificate and none was sent"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "no application protocol (ALPN) in common"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "the client fell back to an older version needlessly"},
    {SSL_R_WRONG_VERSION_NUMBER, "the client does not speak TLS"},
    {SSL_R_UNKNOWN_PROTOCOL, "the client speaks SSL 2"},
    {SSL_R_UNEXPECTED_MESSAGE, "the client sent a message out of order"},
    {SSL_R_HTTP_REQUEST, "plain HTTP on the TLS port"},
    {SSL_R_HTTPS_PROXY_REQUEST, "plain HTTP on the TLS port"},
};

static bool set_cause(const char *text)
{
    snprintf(latest.facts.cause, sizeof(latest.facts.cause), "%s", text);
    return true;
}

static bool cause_from_alert(const struct tls *tls)
{
    for (size_t i = 0; i < sizeof(told_by_client) / sizeof(told_by_client[0]); i++)
        if (told_by_client[i].alert == tls->alert_received)
            return set_cause(told_by_client[i].cause);
    return false;
}

static bool cause_from_reason(const struct tls *tls)
{
    int reason = ERR_GET_REASON(tls->error);

    if (tls->error != 0 && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        snprintf(latest.facts.cause, sizeof(latest.facts.cause),
            "the client's certificate is not acceptable: %s",
            X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl)));
        return true;
    }
    for (size_t i = 0; i < sizeof(found_by_us) / sizeof(found_by_us[0]); i++)
        if (tls->error != 0 && found_by_us[i].reason == reason)
            return set_cause(found_by_us[i].cause);
    return false;
}

/* What the offer itself explains. */
static bool cause_from_offer(const struct tls *tls, const struct tls_hello *hello)
{
    if (tls->alert_received >= 0 || !hello->complete)
        return false;
    if (hello->older && !hello->tls12 && !hello->tls13)
        return set_cause("the client offers nothing newer than TLS 1.1");
    if (hello->has_groups && SSL_version(tls->ssl) >= TLS1_2_VERSION &&
        ERR_GET_REASON(tls->error) == SSL_R_NO_SHARED_CIPHER &&
        SSL_get_shared_group(tls->ssl, -1) == 0)
        return set_cause("no key exchange group in common");
    if (ERR_GET_REASON(tls->error) == SSL_R_UNSUPPORTED_PROTOCOL)
        return set_cause("no TLS version in common");
    return false;
}

static void explain_failure(const struct tls *tls)
{
    struct tls_facts *f = &latest.facts;
    struct tls_hello hello;

    tls_hello_read(&hello, buffer_data(&tls->hello), buffer_len(&tls->hello));
    snprintf(f->offered, sizeof(f->offered), "%s", hello.offered);
    if (!tls->dead)
        return;
    if (!cause_from_alert(tls) && !cause_from_offer(tls, &hello) &&
        !cause_from_reason(tls) && tls->text != NULL)
        set_cause(tls->text);
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
    describe_session(tls);
    f->alert = alert_text(tls);
    if (!tls->open)
        explain_failure(tls);
    return f;
}
