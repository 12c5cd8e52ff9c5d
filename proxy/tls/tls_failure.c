/* The reason why a handshake failed: a kind to count, and words for the operator. */
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "proxy/tls/tls_session.h"

struct cause {
    enum tls_failure_kind kind;
    const char *text; /* NULL: no text is known */
};

static const struct {
    int alert;
    enum tls_failure_kind kind;
    const char *text;
} told_by_client[] = {
    {SSL_AD_UNKNOWN_CA, TLS_FAILURE_UNKNOWN_CA,
        "the client does not trust our certificate: install its CA (or the "
        "self-signed certificate itself) in the pool"},
    {SSL_AD_BAD_CERTIFICATE, TLS_FAILURE_BAD_CERTIFICATE,
        "the client refuses our certificate: the one installed in the "
        "pool is another, or its chain is incomplete"},
    {SSL_AD_CERTIFICATE_EXPIRED, TLS_FAILURE_EXPIRED,
        "the client finds our certificate expired: renew it, or set the client's clock"},
    {SSL_AD_CERTIFICATE_REVOKED, TLS_FAILURE_REVOKED,
        "the client finds our certificate revoked"},
    {SSL_AD_CERTIFICATE_UNKNOWN, TLS_FAILURE_BAD_CERTIFICATE,
        "the client refuses our certificate without saying why"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, TLS_FAILURE_BAD_CERTIFICATE,
        "the client cannot use this kind of certificate"},
    {SSL_AD_INTERNAL_ERROR, TLS_FAILURE_WRONG_HOST,
        "the client gave up; stunnel says so when the host in the WLB "
        "URL is not a name in our certificate"},
    {SSL_AD_HANDSHAKE_FAILURE, TLS_FAILURE_OTHER_ALERT,
        "the client found nothing acceptable in our answer"},
    {SSL_AD_PROTOCOL_VERSION, TLS_FAILURE_OTHER_ALERT,
        "the client refuses the TLS version chosen"},
    {SSL_AD_INSUFFICIENT_SECURITY, TLS_FAILURE_OTHER_ALERT,
        "the client wants stronger algorithms"},
    {SSL_AD_DECRYPT_ERROR, TLS_FAILURE_OTHER_ALERT,
        "the client could not verify our signature"},
    {SSL_AD_ILLEGAL_PARAMETER, TLS_FAILURE_OTHER_ALERT,
        "the client finds a value in our answer illegal"},
    {SSL_AD_UNRECOGNIZED_NAME, TLS_FAILURE_OTHER_ALERT,
        "the client does not know the name we answered for"},
    {SSL_AD_USER_CANCELLED, TLS_FAILURE_OTHER_ALERT, "the client cancelled"},
};

static const struct {
    int reason;
    enum tls_failure_kind kind;
    const char *text;
} found_by_us[] = {
    {SSL_R_NO_SHARED_CIPHER, TLS_FAILURE_NO_CIPHER,
        "no cipher in common that fits our certificate's key (its kind; of an EC key "
        "also the "
        "curve)"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, TLS_FAILURE_NO_GROUP,
        "no key exchange group in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_FAILURE_NO_SIGNATURE,
        "no signature algorithm in common that fits our certificate's key"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_FAILURE_NO_SIGNATURE,
        "no signature algorithm in common"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILURE_NO_CLIENT_CERT,
        "this service requires a client certificate and none was sent"},
    {SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILURE_NO_ALPN,
        "no application protocol (ALPN) in common"},
    {SSL_R_INAPPROPRIATE_FALLBACK, TLS_FAILURE_PROTOCOL,
        "the client fell back to an older version needlessly"},
    {SSL_R_WRONG_VERSION_NUMBER, TLS_FAILURE_NOT_TLS, "the client does not speak TLS"},
    {SSL_R_UNKNOWN_PROTOCOL, TLS_FAILURE_NOT_TLS, "the client speaks SSL 2"},
    {SSL_R_UNEXPECTED_MESSAGE, TLS_FAILURE_PROTOCOL,
        "the client sent a message out of order"},
    {SSL_R_HTTP_REQUEST, TLS_FAILURE_PLAIN_HTTP, "plain HTTP on the TLS port"},
    {SSL_R_HTTPS_PROXY_REQUEST, TLS_FAILURE_PLAIN_HTTP, "plain HTTP on the TLS port"},
};

static bool cause_from_alert(const struct tls *tls, struct cause *cause)
{
    for (size_t i = 0; i < sizeof(told_by_client) / sizeof(told_by_client[0]); i++) {
        if (told_by_client[i].alert != tls->alert_received)
            continue;
        *cause = (struct cause){told_by_client[i].kind, told_by_client[i].text};
        return true;
    }
    return false;
}

static bool cause_from_reason(const struct tls *tls, struct cause *cause)
{
    int reason = ERR_GET_REASON(tls->error);

    for (size_t i = 0; i < sizeof(found_by_us) / sizeof(found_by_us[0]); i++) {
        if (tls->error == 0 || found_by_us[i].reason != reason)
            continue;
        *cause = (struct cause){found_by_us[i].kind, found_by_us[i].text};
        return true;
    }
    return false;
}

/* Finds causes in the offer itself. */
static bool cause_from_offer(
    const struct tls *tls, const struct tls_hello *hello, struct cause *cause)
{
    if (tls->alert_received >= 0 || !hello->complete)
        return false;
    if (hello->older && !hello->tls12 && !hello->tls13)
        *cause = (struct cause){
            TLS_FAILURE_OLD_VERSION, "the client offers nothing newer than TLS 1.1"};
    else if (tls->no_shared_group && hello->has_groups)
        *cause = (struct cause){TLS_FAILURE_NO_GROUP, "no key exchange group in common"};
    else if (ERR_GET_REASON(tls->error) == SSL_R_UNSUPPORTED_PROTOCOL)
        *cause = (struct cause){TLS_FAILURE_NO_VERSION, "no TLS version in common"};
    else
        return false;
    return true;
}

/* The reason from X509_verify_cert() is the only text that is not ours. */
static enum tls_failure_kind tell_client_certificate(
    const struct tls *tls, char *text, size_t size)
{
    snprintf(text, size, "the client's certificate is not acceptable: %s",
        X509_verify_cert_error_string(tls->verify_error));
    return TLS_FAILURE_BAD_CLIENT_CERT;
}

enum tls_failure_kind tls_failure_find(
    const struct tls *tls, const struct tls_hello *hello, char *text, size_t size)
{
    struct cause cause = {
        tls->alert_received > 0 ? TLS_FAILURE_OTHER_ALERT : TLS_FAILURE_OTHER, tls->text};

    if (tls->proxy_protocol)
        cause.kind = TLS_FAILURE_PROXY_PROTOCOL;
    else if (!cause_from_alert(tls, &cause) && !cause_from_offer(tls, hello, &cause)) {
        if (tls->error != 0 &&
            ERR_GET_REASON(tls->error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return tell_client_certificate(tls, text, size);
        (void)cause_from_reason(tls, &cause);
    }
    snprintf(text, size, "%s", cause.text != NULL ? cause.text : "");
    return cause.kind;
}
