#include "certstore/context.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "certstore/context_parts.h"
#include "certstore/credential.h"
#include "certstore/ticket.h"
#include "config/error.h"
#include "config/settings.h"
#include "config/text_list.h"

enum { SECURITY_LEVEL = 2 };

/* P-384 is the only group XenServer's client offers. */
static const char hybrid_groups[] = "X25519MLKEM768:X25519:P-256:P-384";
static const char classic_groups[] = "X25519:P-256:P-384";

static int policy_index = -1;
static pthread_once_t policy_once = PTHREAD_ONCE_INIT;

static void free_policy(
    void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct context_policy *policy = data;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (policy == NULL)
        return;
    EVP_CIPHER_free(policy->ticket_cipher);
    SSL_CTX_free(policy->successor);
    free(policy->groups);
    free(policy->ciphersuites);
    text_list_clear(&policy->pins);
    text_list_clear(&policy->names);
    free(policy);
}

static void make_policy_index(void)
{
    policy_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_policy);
}

struct context_policy *context_policy(const SSL_CTX *context)
{
    return SSL_CTX_get_ex_data(context, policy_index);
}

const struct context_policy *context_policy_of(const SSL *ssl)
{
    return context_policy(SSL_get_SSL_CTX(ssl));
}

static char *copy(const char *text)
{
    char *own = strdup(text);

    if (own == NULL)
        abort();
    return own;
}

/* The library's own words for what it refused, for the end of a sentence. */
static bool library_error(struct error *err, const char *fact)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    error_set(err, "%s (%s)", fact, reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
    return false;
}

static bool set_groups(SSL_CTX *context, struct context_policy *policy,
    const char *wanted, struct error *err)
{
    const char *groups = wanted;

    if (strcmp(wanted, "auto") == 0) {
        groups = hybrid_groups;
        if (SSL_CTX_set1_groups_list(context, groups) != 1)
            groups = classic_groups;
        ERR_clear_error();
    }
    if (SSL_CTX_set1_groups_list(context, groups) != 1) {
        ERR_clear_error();
        return error_set(err,
            "groups: this OpenSSL does not know all of '%s'; see: openssl list "
            "-public-key-algorithms, or say: groups = auto",
            groups);
    }
    policy->groups = copy(groups);
    return true;
}

static bool set_ciphers(SSL_CTX *context, struct context_policy *policy,
    const struct service_settings *service, struct error *err)
{
    policy->ciphersuites = copy(service->ciphersuites);
    if (SSL_CTX_set_ciphersuites(context, service->ciphersuites) != 1) {
        ERR_clear_error();
        return error_set(err,
            "ciphersuites: OpenSSL finds no TLS 1.3 cipher in '%s'; see: openssl ciphers "
            "-s -tls1_3 -v",
            service->ciphersuites);
    }
    if (service->tls_min == TLS_MIN_1_2 &&
        SSL_CTX_set_cipher_list(context, service->ciphers) != 1) {
        ERR_clear_error();
        return error_set(err,
            "ciphers: OpenSSL finds no TLS 1.2 cipher in '%s'; see: openssl ciphers -v "
            "'%s'",
            service->ciphers, service->ciphers);
    }
    return true;
}

/* By preference; the same twice. */
static const char *const protocols[] = {"http/1.1", "http/1.0", NULL};
static const unsigned char encoded_protocols[] = "\x08http/1.1\x08http/1.0";

/* No overlap is fatal (RFC 7301 section 3.2), as with nginx: a client that insists on h2
 * would take our HTTP/1.1 for garbage, and a protocol nobody agreed on is how
 * cross-protocol attacks begin. Clients that offer nothing, like XenServer's, never come
 * here. */
static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
    const unsigned char *offered, unsigned offered_len, void *data)
{
    unsigned char *match;

    (void)ssl, (void)data;
    if (SSL_select_next_proto(&match, chosen_len, encoded_protocols,
            sizeof(encoded_protocols) - 1, offered,
            offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

static bool hash_list(EVP_MD_CTX *hash, const struct text_list *list)
{
    const uint32_t count = (uint32_t)list->count;
    bool done = EVP_DigestUpdate(hash, &count, sizeof(count)) == 1;

    for (size_t i = 0; done && i < list->count; i++)
        done = EVP_DigestUpdate(hash, list->items[i], strlen(list->items[i]) + 1) == 1;
    return done;
}

/* A session is resumed only where its service, whom that trusts, and how it verifies are
 * the same as when it was made (CVE-2025-23419). */
static bool set_session_id_context(SSL_CTX *context, struct context_policy *policy,
    const struct service_settings *service, const char *ca_pem, const char *crl_pem)
{
    const uint32_t mode[] = {
        (uint32_t)service->verify, service->verify_depth, (uint32_t)service->tls_min};
    const char *texts[] = {service->name, ca_pem, crl_pem};
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned len = 0;
    bool done = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(hash, mode, sizeof(mode)) == 1;

    for (size_t i = 0; done && i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = texts[i] == NULL ? "" : texts[i];

        done = EVP_DigestUpdate(hash, text, strlen(text) + 1) == 1;
    }
    done = done && hash_list(hash, &service->verify_pins) &&
        hash_list(hash, &service->verify_names);
    done = done && EVP_DigestFinal_ex(hash, digest, &len) == 1 &&
        SSL_CTX_set_session_id_context(context, digest, SESSION_BINDING) == 1;
    EVP_MD_CTX_free(hash);
    memcpy(policy->binding, digest, SESSION_BINDING);
    return done;
}

static void set_options(SSL_CTX *context, const struct service_settings *service)
{
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    (void)SSL_CTX_set_min_proto_version(
        context, service->tls_min == TLS_MIN_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
            SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
            SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 1);
    (void)SSL_CTX_set_timeout(context, SESSION_SECONDS);
    (void)SSL_CTX_set_max_early_data(context, 0);
    if (service->protocol == PROTOCOL_HTTP)
        SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
}

static bool use_credential(
    SSL_CTX *context, struct credential *credential, struct error *err)
{
    const struct credential_summary *summary = credential_summary(credential);

    if (SSL_CTX_use_cert_and_key(context, credential_leaf(credential),
            credential_key(credential), credential_chain(credential), 0) == 1)
        return true;
    if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NOT_REPLACING_CERTIFICATE) {
        ERR_clear_error();
        return error_set(err,
            "%s (%s): another certificate of the service has a key of the same kind; a "
            "service has one certificate per kind (RSA, EC, Ed25519)",
            summary->subject, summary->key);
    }
    library_error(err, "OpenSSL will not serve this certificate");
    return error_context(err, "%s (%s)", summary->subject, summary->key);
}

static bool configure(SSL_CTX *context, OSSL_LIB_CTX *libctx,
    const struct service_settings *service, const struct ticket_keys *tickets,
    const char *ca_pem, const char *crl_pem, struct error *err)
{
    struct context_policy *policy = calloc(1, sizeof(*policy));

    if (policy == NULL || SSL_CTX_set_ex_data(context, policy_index, policy) != 1)
        abort();
    set_options(context, service);
    context_watch_successor(context);
    policy->chooses_protocol = service->protocol == PROTOCOL_HTTP;
    if (!set_session_id_context(context, policy, service, ca_pem, crl_pem))
        return library_error(err, "no session id context");
    return set_groups(context, policy, service->groups, err) &&
        set_ciphers(context, policy, service, err) &&
        ticket_install(context, libctx, tickets, err) &&
        context_set_client_verification(context, libctx, service, ca_pem, crl_pem, err);
}

SSL_CTX *context_new(OSSL_LIB_CTX *libctx, const struct service_settings *service,
    struct credential *const *credentials, size_t count,
    const struct ticket_keys *tickets, const char *ca_pem, const char *crl_pem,
    struct error *err)
{
    SSL_CTX *context;
    bool done;

    (void)pthread_once(&policy_once, make_policy_index);
    ERR_clear_error();
    context = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    if (context == NULL) {
        library_error(err, "no TLS context could be made");
        return NULL;
    }
    done = configure(context, libctx, service, tickets, ca_pem, crl_pem, err);
    for (size_t i = 0; done && i < count; i++)
        done = use_credential(context, credentials[i], err);
    if (done)
        return context;
    error_context(err, "[%s]", service->name);
    context_free(context);
    return NULL;
}

void *context_owner(const SSL_CTX *context)
{
    const struct context_policy *policy = context_policy(context);

    return policy == NULL ? NULL : policy->owner;
}

const char *context_groups(const SSL_CTX *context)
{
    const struct context_policy *policy = context_policy(context);

    return policy == NULL ? NULL : policy->groups;
}

const struct ticket_keys *context_tickets(const SSL_CTX *context)
{
    return context_policy(context)->tickets;
}

const unsigned char *context_binding(const SSL_CTX *context)
{
    return context_policy(context)->binding;
}

const char *const *context_protocols(const SSL_CTX *context)
{
    return context_policy(context)->chooses_protocol ? protocols : NULL;
}

void context_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}
