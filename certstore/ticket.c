#include "certstore/ticket.h"

#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/context_choice.h"
#include "certstore/context_data.h"
#include "certstore/session.h"
#include "certstore/trust.h"
#include "proxy/base/error.h"

static uint64_t now_seconds(void)
{
    return (uint64_t)time(NULL);
}

static bool use_key(const struct ticket_key *key, EVP_MAC_CTX *hmac)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_init(hmac, key->hmac, sizeof(key->hmac), params) == 1;
}

static int seal(const struct context_data *data, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    const struct ticket_key *key =
        ticket_key_to_seal(data->policy.tickets, now_seconds());

    if (key == NULL)
        return 0; /* the session continues without a ticket */
    if (RAND_bytes_ex(data->libctx, iv, 16, 0) != 1 ||
        EVP_EncryptInit_ex2(cipher, data->ticket_cipher, key->aes, iv, NULL) != 1 ||
        !use_key(key, hmac))
        return -1;
    memcpy(name, key->name, sizeof(key->name));
    return 1;
}

/* 0: unknown key, a full handshake follows. 2: opened, and a new ticket is wanted. */
static int unseal(const struct context_data *data, SSL *ssl, const unsigned char *name,
    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac)
{
    const struct ticket_keys *tickets = data->policy.tickets;
    uint32_t i = 0;

    while (tickets != NULL && i < tickets->count &&
        memcmp(name, tickets->keys[i].name, sizeof(tickets->keys[i].name)) != 0)
        i++;
    if (tickets == NULL || i == tickets->count ||
        !ticket_key_opens(&tickets->keys[i], now_seconds()))
        return 0;
    if (EVP_DecryptInit_ex2(
            cipher, data->ticket_cipher, tickets->keys[i].aes, iv, NULL) != 1 ||
        !use_key(&tickets->keys[i], hmac))
        return -1;
    /* A TLS 1.3 client uses a ticket once (RFC 8446 appendix C.4): without a new one its
     * next handshake would be a full one. */
    return i > 0 || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac, int sealing)
{
    const struct context_data *data = context_data(SSL_get_SSL_CTX(ssl));

    return sealing ? seal(data, name, iv, cipher, hmac)
                   : unseal(data, ssl, name, iv, cipher, hmac);
}

/* The policy of the service whose certificates are shown. */
static const struct tls_policy *policy_shown(const SSL *ssl)
{
    return context_policy(context_shown(SSL_get_SSL_CTX(ssl)));
}

static void end_with(uint64_t *ends, uint64_t when)
{
    if (*ends == 0 || when < *ends)
        *ends = when;
}

/* A client's authentication ends when the first certificate of its chain or the first CRL
 * expires. */
static uint64_t authentication_end(SSL *ssl, const struct tls_policy *policy)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    uint64_t ends = 0;

    if (SSL_get0_peer_certificate(ssl) == NULL)
        return 0;
    if (policy->crl_ends != 0)
        end_with(&ends, policy->crl_ends);
    for (int i = 0; i < sk_X509_num(chain); i++)
        end_with(
            &ends, (uint64_t)trust_time(X509_get0_notAfter(sk_X509_value(chain, i))));
    return ends;
}

static bool take_bond(SSL_SESSION *session, struct session_bond *bond)
{
    void *bytes = NULL;
    size_t len = 0;

    if (SSL_SESSION_get0_ticket_appdata(session, &bytes, &len) != 1 ||
        len != SESSION_BOND_LEN)
        return false;
    session_bond_decode(bond, bytes);
    return true;
}

static bool make_bond(
    SSL *ssl, const struct tls_policy *policy, struct session_bond *bond)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    bond->began = now_seconds();
    bond->ends = authentication_end(ssl, policy);
    memcpy(bond->binding, policy->binding, SESSION_BINDING);
    return session_host(bond->host, name, name != NULL ? strlen(name) : 0);
}

/* A resumed session keeps its bond. */
static int on_seal_session(SSL *ssl, void *nothing)
{
    const struct tls_policy *policy = policy_shown(ssl);
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned char bytes[SESSION_BOND_LEN];
    struct session_bond bond;

    (void)nothing;
    if (!(SSL_session_reused(ssl) == 1 && take_bond(session, &bond)) &&
        !make_bond(ssl, policy, &bond))
        return 0;
    session_bond_encode(&bond, bytes);
    (void)SSL_SESSION_set_timeout(
        session, (long)session_seconds_left(&bond, policy, now_seconds()));
    return SSL_SESSION_set1_ticket_appdata(session, bytes, sizeof(bytes));
}

/* RFC 6066, 3: a server must not resume a session of TLS 1.2 under another name. */
static bool may_go_on(SSL *ssl, SSL_SESSION *session)
{
    unsigned char host[SESSION_HOST], *asked = NULL;
    struct session_bond bond;

    if (!take_bond(session, &bond))
        return false;
    if (SSL_version(ssl) < TLS1_3_VERSION) {
        if (!context_host_digest(ssl, host))
            return false;
        asked = host;
    }
    return session_may_go_on(&bond, policy_shown(ssl), asked, now_seconds());
}

static SSL_TICKET_RETURN on_open_session(SSL *ssl, SSL_SESSION *session,
    const unsigned char *name, size_t name_len, SSL_TICKET_STATUS status, void *nothing)
{
    (void)name, (void)name_len, (void)nothing;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (!may_go_on(ssl, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                              : SSL_TICKET_RETURN_USE;
}

bool ticket_install(SSL_CTX *context, struct error *err)
{
    struct context_data *data = context_data(context);

    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* Also without tickets: a session that began with this context and moved to another
     * one by its name keeps these of the first, and OpenSSL's own key would take their
     * place. */
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    (void)SSL_CTX_set_session_ticket_cb(context, on_seal_session, on_open_session, NULL);
    if (data->policy.tickets == NULL) {
        (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(context, 0);
        return true;
    }
    (void)SSL_CTX_set_num_tickets(context, 1);
    (void)SSL_CTX_set_timeout(context, (long)ticket_lifetime(data->policy.tickets));
    data->ticket_cipher = EVP_CIPHER_fetch(data->libctx, "AES-256-CBC", NULL);
    if (data->ticket_cipher == NULL)
        return error_set(err, "this OpenSSL has no AES-256-CBC for session tickets");
    return true;
}
