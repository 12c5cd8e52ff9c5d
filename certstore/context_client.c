#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certstore/certificate.h"
#include "certstore/context_parts.h"
#include "certstore/read/pem.h"
#include "config/error.h"
#include "config/settings.h"

/* The names are sent in the CertificateRequest, so that a client can choose. */
static bool trust(SSL_CTX *context, X509 *authority)
{
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
        SSL_CTX_add_client_CA(context, authority) == 1;
}

static bool add_authorities(
    SSL_CTX *context, OSSL_LIB_CTX *libctx, const struct pem *pem, struct error *err)
{
    size_t added = 0;

    for (size_t i = 0; i < pem->count; i++) {
        const struct pem_block *block = &pem->blocks[i];
        X509 *authority;

        if (!pem_is_certificate(block))
            continue;
        authority = block->der == NULL
            ? NULL
            : certificate_parse(block->der, block->der_len,
                  strcmp(block->label, "TRUSTED CERTIFICATE") == 0, libctx);
        if (authority == NULL)
            return error_set(err,
                "ca: the block in line %zu is not a certificate; is the "
                "file whole?",
                block->line);
        added += trust(context, authority);
        X509_free(authority);
    }
    if (added == 0)
        return error_set(err,
            "ca: there is no certificate in the file; name a PEM file "
            "with the issuers of the client certificates");
    return true;
}

static X509_CRL *parse_crl(const struct pem_block *block, OSSL_LIB_CTX *libctx)
{
    X509_CRL *crl = X509_CRL_new_ex(libctx, NULL);
    const unsigned char *at = block->der;

    if (at != NULL && d2i_X509_CRL(&crl, &at, (long)block->der_len) != NULL)
        return crl;
    if (at == NULL)
        X509_CRL_free(crl); /* else d2i freed it */
    return NULL;
}

/* Every issuer in the client's chain must have its list in the file, or a missing one
 * would pass for an empty one. */
static bool add_revocations(
    SSL_CTX *context, OSSL_LIB_CTX *libctx, const struct pem *pem, struct error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    size_t added = 0;

    for (size_t i = 0; i < pem->count; i++) {
        X509_CRL *crl;

        if (strcmp(pem->blocks[i].label, "X509 CRL") != 0)
            continue;
        crl = parse_crl(&pem->blocks[i], libctx);
        if (crl == NULL)
            return error_set(err,
                "crl: the block in line %zu is not a revocation list; "
                "is the file whole?",
                pem->blocks[i].line);
        added += X509_STORE_add_crl(store, crl) == 1;
        X509_CRL_free(crl);
    }
    if (added == 0)
        return error_set(err,
            "crl: there is no X509 CRL block in the file; a list in DER "
            "becomes PEM with: openssl crl -inform DER -in F -out F.pem");
    (void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return true;
}

bool context_set_client_verification(SSL_CTX *context, OSSL_LIB_CTX *libctx,
    const struct service_settings *service, const char *ca_pem, const char *crl_pem,
    struct error *err)
{
    struct pem pem;
    bool done;

    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (service->verify == VERIFY_OFF)
        return true;
    if (ca_pem == NULL)
        return error_set(err,
            "verify needs the issuers of the client certificates; add: "
            "ca = FILE");
    pem_parse(&pem, ca_pem, strlen(ca_pem));
    done = add_authorities(context, libctx, &pem, err);
    pem_destroy(&pem);
    if (done && crl_pem != NULL) {
        pem_parse(&pem, crl_pem, strlen(crl_pem));
        done = add_revocations(context, libctx, &pem, err);
        pem_destroy(&pem);
    }
    SSL_CTX_set_verify_depth(context, (int)service->verify_depth);
    SSL_CTX_set_verify(context,
        service->verify == VERIFY_REQUIRED
            ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            : SSL_VERIFY_PEER,
        NULL);
    ERR_clear_error();
    return done;
}
