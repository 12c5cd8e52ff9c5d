#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certstore/context_parts.h"
#include "certstore/trust.h"
#include "config/error.h"
#include "config/settings.h"

/* The names are sent in the CertificateRequest, so that a client can choose. */
static void trust(SSL_CTX *context, const struct trust *trusted)
{
    trust_fill_store(trusted, SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_num(trusted->authorities); i++)
        (void)SSL_CTX_add_client_CA(context, sk_X509_value(trusted->authorities, i));
}

bool context_set_client_verification(SSL_CTX *context, OSSL_LIB_CTX *libctx,
    const struct service_settings *service, const char *ca_pem, const char *crl_pem,
    struct error *err)
{
    struct trust trusted;

    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (service->verify == VERIFY_OFF)
        return true;
    if (ca_pem == NULL)
        return error_set(err,
            "verify needs the issuers of the client certificates; add: "
            "ca = FILE");
    if (!trust_parse(&trusted, libctx, ca_pem, crl_pem, err))
        return false;
    trust(context, &trusted);
    trust_destroy(&trusted);
    SSL_CTX_set_verify_depth(context, (int)service->verify_depth);
    SSL_CTX_set_verify(context,
        service->verify == VERIFY_REQUIRED
            ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            : SSL_VERIFY_PEER,
        NULL);
    ERR_clear_error();
    return true;
}
