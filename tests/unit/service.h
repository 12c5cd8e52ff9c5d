/*
 * service.h - a service's context made like the product's, with certificates made at run
 * time. The engine runs already.
 */
#ifndef WLBPROXY_TESTS_SERVICE_H
#define WLBPROXY_TESTS_SERVICE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/crypto/engine.h"
#include "tests/unit/key_stock.h"

struct service {
    SSL_CTX *context;
    struct ticket_keys tickets;
    struct settings *settings;
};

static inline EVP_PKEY *service_new_key(const char *kind)
{
    if (kind[0] == 'E')
        return EVP_PKEY_Q_keygen(NULL, NULL, kind);
    return kind[0] == 'P' ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind)
                          : key_stock_rsa(NULL, (size_t)atoi(kind), 0);
}

enum { SERVICE_KEYS = 8 };

static struct service_made {
    char kind[8];
    EVP_PKEY *key;
} service_made[SERVICE_KEYS];

/* A "P-256", an "ED25519", or a "2048" bits of RSA, made once, because the long ones take
 * seconds. Returns a copy, because a key that has signed holds on to its engine. */
static inline EVP_PKEY *service_key(const char *kind)
{
    struct service_made *made = service_made;

    while (made->key != NULL && strcmp(made->kind, kind) != 0) {
        if (++made == service_made + SERVICE_KEYS)
            abort();
    }
    if (made->key == NULL) {
        (void)snprintf(made->kind, sizeof(made->kind), "%s", kind);
        made->key = service_new_key(kind);
    }
    return EVP_PKEY_dup(made->key);
}

static inline void service_forget_keys(void)
{
    for (size_t i = 0; i < SERVICE_KEYS; i++)
        EVP_PKEY_free(service_made[i].key);
    memset(service_made, 0, sizeof(service_made));
}

/* Call it before service_ready(), once for each kind. */
static inline void service_show(struct service *service, EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    (void)X509_set_version(x, X509_VERSION_3);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    (void)X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"wlb", -1, -1, 0);
    (void)X509_set_issuer_name(x, name);
    (void)X509_set_pubkey(x, key);
    if (X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) == 0 ||
        SSL_CTX_use_cert_and_key(service->context, x, key, NULL, 1) != 1)
        abort();
    X509_free(x);
}

static inline void service_give_up(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    abort();
}

/* The TLS engine of services that are made from now on. */
static const char *service_engine = "openssl";

/* Texts of their ca and crl. */
static const char *service_ca, *service_crl;

/* `options` are lines of the section of that name; it may be "". */
static inline void service_init(
    struct service *service, const char *name, const char *options)
{
    char text[512];
    struct error err;

    (void)snprintf(text, sizeof(text),
        "[%s]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:2\ncert = /c\nkey = /k\n"
        "tls_engine = %s\n%s\n",
        name, service_engine, options);
    *service = (struct service){
        .tickets = {
            .keys = {{.name = "name", .aes = "aes", .hmac = "hmac"}}, .count = 1}};
    service->settings = settings_parse(text, "test", &err);
    if (service->settings == NULL)
        service_give_up(err.text);
    service->context = context_new(engine_libctx(), &service->settings->services[0], NULL,
        0, &service->tickets, service_ca, service_crl, &err);
    if (service->context == NULL)
        service_give_up(err.text);
}

static inline void service_ready(struct service *service)
{
    engine_adopt(service->context);
}

/* Calls all of these. */
static inline void service_make(
    struct service *service, const char *name, const char *options, const char *kind)
{
    EVP_PKEY *key = service_key(kind);

    service_init(service, name, options);
    service_show(service, key);
    service_ready(service);
    EVP_PKEY_free(key);
}

static inline void service_destroy(struct service *service)
{
    context_free(service->context);
    settings_free(service->settings);
}

#endif
