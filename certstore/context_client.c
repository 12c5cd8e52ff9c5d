#include "certstore/context_client.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/pins.h"
#include "certstore/tls_policy.h"
#include "certstore/trust.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"

/* The names are sent in the CertificateRequest, so that a client can choose. */
static void trust(SSL_CTX *context, const struct trust *trusted)
{
    trust_fill_store(trusted, SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_num(trusted->authorities); i++)
        (void)SSL_CTX_add_client_CA(context, sk_X509_value(trusted->authorities, i));
}

/* Returns when the first revocation list expires; 0: none does. */
static uint64_t first_end(const struct trust *trusted)
{
    uint64_t ends = 0;

    for (int i = 0; i < sk_X509_CRL_num(trusted->lists); i++) {
        time_t end =
            trust_time(X509_CRL_get0_nextUpdate(sk_X509_CRL_value(trusted->lists, i)));

        if (end > 0 && (ends == 0 || (uint64_t)end < ends))
            ends = (uint64_t)end;
    }
    return ends;
}

static bool has_dns_names(X509 *certificate)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
        found = sk_GENERAL_NAME_value(names, i)->type == GEN_DNS;
    GENERAL_NAMES_free(names);
    return found;
}

/* A CN may hold any text, such as "Jane Doe"; X509_check_host() would read it as a host
 * name. */
static bool has_common_name(X509 *certificate, const char *name)
{
    char common[256];

    certificate_common_name(certificate, common, sizeof(common));
    return strcmp(common, name) == 0 && !has_dns_names(certificate);
}

/* A client's name is no pattern, neither in the certificate nor in the option. The CN
 * counts only where there is no DNS name beside it (RFC 6125 section 6.4.4). */
static bool has_name(X509 *certificate, const char *name)
{
    const unsigned flags = X509_CHECK_FLAG_NO_WILDCARDS;

    return has_common_name(certificate, name) ||
        (*name != '.' && X509_check_host(certificate, name, 0, flags, NULL) == 1) ||
        X509_check_email(certificate, name, 0, 0) == 1 ||
        X509_check_ip_asc(certificate, name, 0) == 1;
}

static bool has_one_of(X509 *certificate, const struct text_list *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (has_name(certificate, names->items[i]))
            return true;
    }
    return names->count == 0;
}

/* Verifies the chain, then pins and names. */
static int on_verify_client(X509_STORE_CTX *store, void *data)
{
    const struct tls_policy *policy = data;
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    int error = X509_V_OK;

    if (policy->trusts_pins_alone)
        X509_STORE_CTX_set_verify_cb(store, pins_overlook_issuer);
    if (X509_verify_cert(store) != 1)
        return 0;
    if (policy->pins.count > 0 && !pins_have(&policy->pins, certificate))
        error = X509_V_ERR_CERT_REJECTED;
    else if (!has_one_of(certificate, &policy->names))
        error = X509_V_ERR_HOSTNAME_MISMATCH;
    /* SSL_get_verify_result() must not report a fault that was overlooked on the way. */
    X509_STORE_CTX_set_error(store, error);
    return error == X509_V_OK;
}

bool context_set_client_verification(
    SSL_CTX *context, OSSL_LIB_CTX *libctx, struct tls_policy *policy, struct error *err)
{
    struct trust trusted;

    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (policy->verify == VERIFY_OFF)
        return true;
    if (policy->ca_pem == NULL && policy->pins.count == 0)
        return error_set(err,
            "verify needs the issuers of the client certificates; add: "
            "ca = FILE");
    if (!trust_parse(&trusted, libctx, policy->ca_pem, policy->crl_pem, err))
        return error_context(err, "ca or crl");
    trust(context, &trusted);
    policy->crl_ends = first_end(&trusted);
    trust_destroy(&trusted);
    policy->trusts_pins_alone = policy->ca_pem == NULL;
    SSL_CTX_set_cert_verify_callback(context, on_verify_client, policy);
    SSL_CTX_set_verify_depth(context, (int)policy->verify_depth);
    SSL_CTX_set_verify(context,
        policy->verify == VERIFY_REQUIRED
            ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            : SSL_VERIFY_PEER,
        NULL);
    ERR_clear_error();
    return true;
}
