#include "proxy/command/cert/cert_key.h"

#include <stdio.h>

#include "proxy/base/error.h"
#include "proxy/command/cert/cert_say.h"

bool cert_key_parse(struct cert_key *key, struct error *err)
{
    key->kind = (struct key_kind){.rsa_bits = 2048};
    for (size_t i = 0; i < key->given.count; i++) {
        const char *text = key->given.items[i];

        if (!key_kind_is_meant(text)) {
            key->file = text;
            continue;
        }
        if (!key_kind_parse(text, &key->kind, err))
            return error_context(err, "--key");
        key->kind_given = true;
    }
    return true;
}

EVP_PKEY *cert_key_make(const struct cert_key *key, struct error *err)
{
    char text[64];

    snprintf(text, sizeof(text), "making a key (RSA %d) ...", key->kind.rsa_bits);
    if (key->kind.curve == NULL && key->kind.rsa_bits > 2048)
        cert_say_progress(text);
    return key_make(&key->kind, err);
}
