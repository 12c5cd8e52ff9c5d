/* Why a session with a backend failed, in words for the operator: what to do, too. */
#include <stdio.h>

#include <openssl/err.h>

#include "certstore/context_backend.h"
#include "proxy/tls/tls_openssl.h"

static const struct {
    int alert;
    const char *text;
} told_by_backend[] = {
    {SSL_AD_CERTIFICATE_REQUIRED,
        "the backend asks for a client certificate: write backend_cert"},
    {SSL_AD_UNKNOWN_CA,
        "the backend does not trust our client certificate: give it the issuer of "
        "backend_cert"},
    {SSL_AD_BAD_CERTIFICATE, "the backend refuses our client certificate (backend_cert)"},
    {SSL_AD_CERTIFICATE_EXPIRED,
        "the backend finds our client certificate expired: renew backend_cert"},
    {SSL_AD_CERTIFICATE_REVOKED,
        "the backend finds our client certificate revoked: renew backend_cert"},
    {SSL_AD_CERTIFICATE_UNKNOWN,
        "the backend refuses our client certificate (backend_cert) without saying why"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE,
        "the backend cannot use the kind of our client certificate (backend_cert)"},
    {SSL_AD_ACCESS_DENIED, "the backend lets this client certificate do nothing"},
    {SSL_AD_UNRECOGNIZED_NAME,
        "the backend does not know the name it was asked for: write backend_name"},
    {SSL_AD_PROTOCOL_VERSION, "the backend speaks nothing newer than TLS 1.1"},
    {SSL_AD_HANDSHAKE_FAILURE,
        "the backend found nothing acceptable in what we offer: no cipher, group or "
        "signature in common, or it asks for a client certificate (backend_cert)"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "the backend does not speak http/1.1 (ALPN)"},
};

static const struct {
    int reason;
    const char *text;
} found_by_us[] = {
    {SSL_R_WRONG_VERSION_NUMBER,
        "the backend does not speak TLS on that port: is it tls: in connect?"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the backend speaks nothing newer than TLS 1.1"},
    {SSL_R_UNKNOWN_PROTOCOL, "the backend does not speak TLS on that port"},
    {SSL_R_HTTP_REQUEST, "the backend speaks plain HTTP on that port"},
    {SSL_R_WRONG_CURVE, "the backend wants a key exchange group that groups lacks"},
    {SSL_R_DH_KEY_TOO_SMALL, "the backend's key exchange is too weak"},
    {SSL_R_EE_KEY_TOO_SMALL, "the key of the backend's certificate is too small"},
    {SSL_R_CA_KEY_TOO_SMALL, "the key of an issuer of the backend is too small"},
    {SSL_R_CA_MD_TOO_WEAK, "the backend's certificate is signed with a weak digest"},
};

static const char *text_of_alert(const struct tls *tls)
{
    for (size_t i = 0; i < sizeof(told_by_backend) / sizeof(told_by_backend[0]); i++) {
        if (told_by_backend[i].alert == tls->alert_received)
            return told_by_backend[i].text;
    }
    return NULL;
}

static const char *text_of_error(const struct tls *tls)
{
    for (size_t i = 0; i < sizeof(found_by_us) / sizeof(found_by_us[0]); i++) {
        if (tls->error != 0 && found_by_us[i].reason == ERR_GET_REASON(tls->error))
            return found_by_us[i].text;
    }
    return ERR_reason_error_string(tls->error);
}

void tls_backend_failure_tell(const struct tls *tls, char *text, size_t size)
{
    const struct tls_openssl *session = tls->session;
    const char *why = context_backend_refusal(session->ssl);

    if (why == NULL)
        why = text_of_alert(tls);
    if (why == NULL)
        why = text_of_error(tls);
    (void)snprintf(text, size, "TLS: %s", why != NULL ? why : "it failed");
}
