/*
 * service.h - a context as the product makes them, with a certificate for itself, for
 * targets that shake hands.
 */
#ifndef WLBPROXY_TESTS_FUZZ_SERVICE_H
#define WLBPROXY_TESTS_FUZZ_SERVICE_H

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/context.h"
#include "config/error.h"
#include "config/settings.h"
#include "proxy/crypto/engine.h"

struct service {
    SSL_CTX *context;
    struct ticket_keys tickets;
    struct settings *settings;
};

static inline void service_add_certificate(struct service *service)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    if (SSL_CTX_use_cert_and_key(service->context, x, key, NULL, 1) != 1)
        abort();
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Starts the engine, too; for the life of the process. */
static inline void service_make(struct service *service)
{
    struct error err;

    if (!engine_start(ENGINE_AUTO, &err))
        abort();
    service->tickets = (struct ticket_keys){
        .keys = {{.name = "name", .aes = "aes", .hmac = "hmac"}}, .count = 1};
    service->settings =
        settings_parse("[wlb]\naccept = 1\nconnect = 127.0.0.1:2\n", "fuzz", &err);
    if (service->settings == NULL)
        abort();
    service->context = context_new(engine_libctx(), &service->settings->services[0], NULL,
        0, &service->tickets, NULL, NULL, &err);
    if (service->context == NULL)
        abort();
    service_add_certificate(service);
    engine_adopt(service->context);
}

#endif
