#include "certstore/ticket.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/context_parts.h"
#include "config/error.h"

static bool use_key(const struct ticket_key *key, EVP_MAC_CTX *hmac)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_init(hmac, key->hmac, sizeof(key->hmac), params) == 1;
}

static int seal(const struct context_state *state, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    const struct ticket_key *key = &state->policy.tickets->keys[0];

    if (state->policy.tickets->count == 0)
        return 0; /* goes on without a ticket */
    if (RAND_bytes_ex(state->libctx, iv, 16, 0) != 1 ||
        EVP_EncryptInit_ex2(cipher, state->ticket_cipher, key->aes, iv, NULL) != 1 ||
        !use_key(key, hmac))
        return -1;
    memcpy(name, key->name, sizeof(key->name));
    return 1;
}

/* 0: unknown key, a full handshake follows. 2: opened, and a new ticket is wanted. */
static int unseal(const struct context_state *state, SSL *ssl, const unsigned char *name,
    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    const struct ticket_keys *tickets = state->policy.tickets;
    uint32_t i = 0;

    while (i < tickets->count &&
        memcmp(name, tickets->keys[i].name, sizeof(tickets->keys[i].name)) != 0)
        i++;
    if (i == tickets->count)
        return 0;
    if (EVP_DecryptInit_ex2(
            cipher, state->ticket_cipher, tickets->keys[i].aes, iv, NULL) != 1 ||
        !use_key(&tickets->keys[i], hmac))
        return -1;
    /* A TLS 1.3 client uses a ticket once (RFC 8446 appendix C.4): without a new one its
     * next handshake would be a full one. */
    return i > 0 || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac, int sealing)
{
    const struct context_state *state = context_state_of(ssl);

    return sealing ? seal(state, name, iv, cipher, hmac)
                   : unseal(state, ssl, name, iv, cipher, hmac);
}

bool ticket_install(SSL_CTX *context, struct error *err)
{
    struct context_state *state = context_state(context);

    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 1);
    (void)SSL_CTX_set_timeout(context, SESSION_SECONDS);
    state->ticket_cipher = EVP_CIPHER_fetch(state->libctx, "AES-256-CBC", NULL);
    if (state->ticket_cipher == NULL)
        return error_set(err, "this OpenSSL has no AES-256-CBC for session tickets");
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    return true;
}
