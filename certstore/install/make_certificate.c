#include "certstore/install/make_certificate.h"

#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/install/subject.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { DAY = 24 * 3600, HOUR = 3600, SERIAL_BITS = 128 };

static bool refused(struct error *err, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    error_set(err, "OpenSSL cannot make %s: %s", what,
        reason != NULL ? reason : "it does not say why");
    ERR_clear_error();
    return false;
}

/* Its top bit is set, so that it always has 16 bytes; it is random. */
static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool good = number != NULL &&
        BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return good;
}

static bool set_names(X509 *certificate, const struct subject *subject)
{
    X509_NAME *name = subject_name(subject);
    bool good = X509_set_subject_name(certificate, name) == 1 &&
        X509_set_issuer_name(certificate, name) == 1;

    X509_NAME_free(name);
    return good;
}

static bool set_extensions(
    X509 *certificate, const struct subject *subject, EVP_PKEY *key)
{
    STACK_OF(X509_EXTENSION) *list = subject_extensions(subject, key, certificate);
    bool good = true;

    for (int i = 0; i < sk_X509_EXTENSION_num(list) && good; i++)
        good = X509_add_ext(certificate, sk_X509_EXTENSION_value(list, i), -1) == 1;
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return good;
}

X509 *certificate_make(const struct subject *subject, uint32_t days, EVP_PKEY *key,
    time_t now, struct error *err)
{
    X509 *certificate = memory_checked(X509_new());

    if (X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
        set_names(certificate, subject) && X509_set_pubkey(certificate, key) == 1 &&
        ASN1_TIME_adj(X509_getm_notBefore(certificate), now - HOUR, 0, 0) != NULL &&
        ASN1_TIME_adj(X509_getm_notAfter(certificate), now - HOUR, (int)days, 0) !=
            NULL &&
        set_extensions(certificate, subject, key) &&
        X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    (void)refused(err, "the certificate");
    X509_free(certificate);
    return NULL;
}

X509_REQ *request_make(const struct subject *subject, EVP_PKEY *key, struct error *err)
{
    STACK_OF(X509_EXTENSION) *list = subject_extensions(subject, key, NULL);
    X509_NAME *name = subject_name(subject);
    X509_REQ *request = memory_checked(X509_REQ_new());
    bool good;

    good = X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
        X509_REQ_set_subject_name(request, name) == 1 &&
        X509_REQ_set_pubkey(request, key) == 1 &&
        X509_REQ_add_extensions(request, list) == 1 &&
        X509_REQ_sign(request, key, EVP_sha256()) > 0;
    X509_NAME_free(name);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    if (good)
        return request;
    (void)refused(err, "the request");
    X509_REQ_free(request);
    return NULL;
}
