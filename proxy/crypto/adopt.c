/* Moves the keys of an SSL_CTX into our provider, and lets its sessions pause. */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "proxy/crypto/engine.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/signing.h"

enum { CIPHERS_TEXT_MAX = 16384 }; /* room for all that OpenSSL has */

EVP_PKEY_CTX *signing_context_alone(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(engine_libctx(), key, NULL);

    if (context != NULL && EVP_PKEY_sign_init(context) == 1 &&
        (!EVP_PKEY_is_a(key, "RSA") ||
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1))
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

EVP_PKEY_CTX *signing_context_check(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(engine_libctx(), key, NULL);

    if (context != NULL && EVP_PKEY_verify_init(context) == 1 &&
        (!EVP_PKEY_is_a(key, "RSA") ||
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1))
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

/* The default provider raises its RSA result to the public exponent, and computes it
 * again without the factors if that does not yield the input. */
bool signing_alone_checks(const EVP_PKEY *key)
{
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);

    return EVP_PKEY_is_a(key, "RSA") && provider != NULL &&
        strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0;
}

static EVP_PKEY *import(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(engine_libctx(), type, PROVIDER_KEYS_QUERY);
    EVP_PKEY *key = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

/* RSA key exchange (RFC 5246, 7.4.7.1), which an operator may allow in `ciphers`,
 * decrypts with the key; the signer only signs. */
static bool must_decrypt(const SSL_CIPHER *cipher)
{
    return SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa;
}

static bool may_decrypt(const SSL_CTX *context)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        if (must_decrypt(sk_SSL_CIPHER_value(ciphers, i)))
            return true;
    }
    return false;
}

/* A key of the signer never decrypts: a suite that needs it would end each handshake that
 * chose it. Where TLS 1.2 has no other suite, the suites stay as they are. */
static void drop_rsa_key_exchange(SSL_CTX *context)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    char list[CIPHERS_TEXT_MAX] = "";
    size_t len = 0;

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers) && len < sizeof(list); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);

        if (!must_decrypt(cipher))
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
                len > 0 ? ":" : "", SSL_CIPHER_get_name(cipher));
    }
    if (len < sizeof(list)) {
        ERR_set_mark();
        (void)SSL_CTX_set_cipher_list(context, list);
        ERR_pop_to_mark();
    }
}

EVP_PKEY *engine_adopt_key(EVP_PKEY *key)
{
    const char *type = EVP_PKEY_is_a(key, "RSA") ? "RSA" : "EC";
    EVP_PKEY_CTX *alone;
    OSSL_PARAM *numbers = NULL, *all;
    EVP_PKEY *adopted = NULL;

    if ((!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC")) ||
        (alone = signing_context_alone(key)) == NULL)
        return NULL;
    if (EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &numbers) == 1) {
        void *pointer = alone;
        OSSL_PARAM extra[] = {
            OSSL_PARAM_construct_octet_ptr(
                PROVIDER_PARAM_ALONE, &pointer, sizeof(pointer)),
            OSSL_PARAM_construct_end(),
        };

        all = OSSL_PARAM_merge(numbers, extra);
        adopted = all != NULL ? import(type, all) : NULL;
        OPENSSL_free(all);
    }
    OSSL_PARAM_free(numbers); /* wipes its secret parts */
    if (adopted == NULL)
        EVP_PKEY_CTX_free(alone);
    return adopted;
}

/* NULL: the key stays as it is. */
static EVP_PKEY *adopt_current(SSL_CTX *context, bool decrypts)
{
    EVP_PKEY *key = SSL_CTX_get0_privatekey(context);

    if (key == NULL)
        return NULL;
    if (engine_signs_remotely())
        return remote_key(key, engine_key_number(SSL_CTX_get0_certificate(context)));
    return decrypts && EVP_PKEY_is_a(key, "RSA") ? NULL : engine_adopt_key(key);
}

void engine_adopt(SSL_CTX *context)
{
    bool decrypts = may_decrypt(context);
    long more;

    if (!engine_may_pause())
        return;
    if (decrypts && engine_signs_remotely())
        drop_rsa_key_exchange(context);
    ERR_set_mark();
    for (more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST); more == 1;
         more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT)) {
        EVP_PKEY *adopted = adopt_current(context, decrypts);

        if (adopted != NULL)
            (void)SSL_CTX_use_PrivateKey(context, adopted);
        EVP_PKEY_free(adopted);
    }
    ERR_pop_to_mark();
    SSL_CTX_set_mode(context, SSL_MODE_ASYNC);
}

void engine_abandon(SSL *ssl)
{
    if (!SSL_want_async(ssl))
        return;
    operations_end_handshake(ssl);
    ERR_clear_error();
}
