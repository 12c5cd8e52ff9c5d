#include "tests/unit/pki.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/unit/key_stock.h"

struct kept {
    struct kept *next;
    char kind[32];
    int slot;
    EVP_PKEY *key;
    char *text;
};

static struct kept *kept;

static void free_all(void)
{
    while (kept != NULL) {
        struct kept *next = kept->next;

        EVP_PKEY_free(kept->key);
        free(kept->text);
        free(kept);
        kept = next;
    }
}

static struct kept *keep(void)
{
    struct kept *one = calloc(1, sizeof(*one));

    if (one == NULL)
        abort();
    if (kept == NULL)
        (void)atexit(free_all);
    one->next = kept;
    kept = one;
    return one;
}

/* "P-256", or "P-256:explicit": with the curve's parameters written out. */
static EVP_PKEY *make_ec_key(const char *curve)
{
    char name[32];
    EVP_PKEY *key;

    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(curve, ":"), curve);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
    if (strchr(curve, ':') != NULL &&
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit") != 1)
        abort();
    return key;
}

static EVP_PKEY *make_key(const char *kind, int slot)
{
    const char *argument = strchr(kind, ':'), *digest;
    char type[16];

    (void)snprintf(type, sizeof(type), "%.*s", (int)strcspn(kind, ":"), kind);
    if (argument == NULL)
        return EVP_PKEY_Q_keygen(NULL, NULL, type);
    if (strcmp(type, "EC") == 0)
        return make_ec_key(argument + 1);
    if (strcmp(type, "RSA") == 0)
        return key_stock_rsa(NULL, (size_t)atoi(argument + 1), slot);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_keygen_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(argument + 1)) != 1)
        abort();
    digest = strchr(argument + 1, ':');
    if ((digest != NULL &&
            EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, digest + 1, NULL) != 1) ||
        EVP_PKEY_keygen(ctx, &key) != 1)
        abort();
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *pki_key(const char *kind, int slot)
{
    struct kept *one;

    for (one = kept; one != NULL; one = one->next) {
        if (one->slot == slot && strcmp(one->kind, kind) == 0)
            return one->key;
    }
    one = keep();
    (void)snprintf(one->kind, sizeof(one->kind), "%s", kind);
    one->slot = slot;
    one->key = make_key(kind, slot);
    if (one->key == NULL)
        abort();
    return one->key;
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    if (value == NULL)
        return;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static void extend_more(X509 *certificate, X509 *issuer, const char *extensions)
{
    char text[512], *rest = text, *one;

    if (extensions == NULL)
        return;
    (void)snprintf(text, sizeof(text), "%s", extensions);
    while ((one = strsep(&rest, "|")) != NULL) {
        char *value = strchr(one, '=');
        X509V3_CTX ctx;
        X509_EXTENSION *extension;

        *value++ = '\0';
        X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf(NULL, &ctx, one, value);
        if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
            abort();
        X509_EXTENSION_free(extension);
    }
}

X509 *pki_certificate(
    const struct pki_request *request, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial = 1000;
    const bool edwards = EVP_PKEY_is_a(issuer_key == NULL ? key : issuer_key, "ED25519");
    const bool dated = request->from_days != 0 || request->to_days != 0;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();

    (void)X509_set_version(certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    if (request->subject != NULL)
        (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
            (const unsigned char *)request->subject, -1, -1, 0);
    (void)X509_set_subject_name(certificate, name);
    (void)X509_set_issuer_name(
        certificate, issuer == NULL ? name : X509_get_subject_name(issuer));
    (void)ASN1_TIME_set(X509_getm_notBefore(certificate),
        PKI_NOW + (dated ? request->from_days : -1) * PKI_DAY);
    (void)ASN1_TIME_set(X509_getm_notAfter(certificate),
        PKI_NOW + (dated ? request->to_days : 365) * PKI_DAY);
    (void)X509_set_pubkey(certificate, key);
    extend(certificate, issuer, NID_basic_constraints,
        request->ca ? "critical,CA:TRUE" : "CA:FALSE");
    extend(certificate, issuer, NID_subject_alt_name, request->alternative);
    extend(certificate, issuer, NID_ext_key_usage, request->usage);
    extend_more(certificate, issuer, request->extensions);
    if (X509_sign(certificate, issuer_key == NULL ? key : issuer_key,
            edwards ? NULL
                    : EVP_get_digestbyname(
                          request->digest == NULL ? "SHA256" : request->digest)) == 0)
        abort();
    X509_NAME_free(name);
    return certificate;
}

static const char *take(BIO *bio)
{
    struct kept *one = keep();
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    one->slot = -1;
    one->text = strndup(data, (size_t)len);
    BIO_free(bio);
    return one->text;
}

const char *pki_pem(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());

    (void)PEM_write_bio_X509(bio, certificate);
    return take(bio);
}

const char *pki_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    (void)PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return take(bio);
}

const char *pki_join(const char *first, ...)
{
    BIO *bio = BIO_new(BIO_s_mem());
    va_list args;

    va_start(args, first);
    for (const char *part = first; part != NULL; part = va_arg(args, const char *))
        (void)BIO_puts(bio, part);
    va_end(args);
    return take(bio);
}
