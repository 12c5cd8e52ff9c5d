/*
 * cert_key.h - `--key` of commands that make a key: its kind ("rsa:3072", "ec") or its
 * file; both, if it is given twice.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_KEY_H
#define WLBPROXY_COMMAND_CERT_CERT_KEY_H

#include <stdbool.h>

#include <openssl/types.h>

#include "certstore/install/make_key.h"
#include "config/settings.h"

struct error;

struct cert_key {
    struct text_list given;
    struct key_kind kind; /* RSA 2048 unless given */
    bool kind_given;
    const char *file; /* NULL: not given */
};

bool cert_key_parse(struct cert_key *key, struct error *err);

/* Says on a terminal that it takes a while. */
EVP_PKEY *cert_key_make(const struct cert_key *key, struct error *err);

#endif
