#include "certstore/install/make_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "certstore/certificate.h"
#include "certstore/secrets.h"
#include "proxy/base/error.h"

static const struct {
    const char *text;
    struct key_kind kind;
} kinds[] = {
    {"rsa", {2048, NULL}},
    {"rsa:2048", {2048, NULL}},
    {"rsa:3072", {3072, NULL}},
    {"rsa:4096", {4096, NULL}},
    {"ec", {0, "P-256"}},
    {"ec:p-256", {0, "P-256"}},
    {"ec:p256", {0, "P-256"}},
    {"ec:p-384", {0, "P-384"}},
    {"ec:p384", {0, "P-384"}},
};

bool key_kind_is_meant(const char *text)
{
    size_t len = strcspn(text, ":");

    return strchr(text, '/') == NULL &&
        ((len == 3 && strncasecmp(text, "rsa", 3) == 0) ||
            (len == 2 && strncasecmp(text, "ec", 2) == 0));
}

bool key_kind_parse(const char *text, struct key_kind *kind, struct error *err)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcasecmp(text, kinds[i].text) != 0)
            continue;
        *kind = kinds[i].kind;
        return true;
    }
    return error_set(err, "there is no kind of key '%.40s'; there are " KEY_KINDS, text);
}

bool key_kind_fits(const struct key_kind *kind, EVP_PKEY *key)
{
    char has[32], wanted[32];

    key_describe(key, has, sizeof(has));
    if (kind->curve == NULL)
        snprintf(wanted, sizeof(wanted), "RSA %d", kind->rsa_bits);
    else
        snprintf(wanted, sizeof(wanted), "EC %s", kind->curve);
    return strcmp(has, wanted) == 0;
}

EVP_PKEY *key_make(const struct key_kind *kind, struct error *err)
{
    EVP_PKEY *key;

    secrets_wiping_begin();
    key = kind->curve != NULL ? EVP_EC_gen(kind->curve)
                              : EVP_RSA_gen((unsigned)kind->rsa_bits);
    secrets_wiping_end();
    if (key == NULL) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        error_set(err, "OpenSSL cannot make the key: %s",
            reason != NULL ? reason : "it does not say why");
    }
    ERR_clear_error();
    return key;
}
