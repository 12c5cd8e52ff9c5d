#include "certstore/context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "certstore/context_choice.h"
#include "certstore/context_client.h"
#include "certstore/context_data.h"
#include "certstore/context_resolve.h"
#include "certstore/credential.h"
#include "certstore/ticket.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { SECURITY_LEVEL = 2 };

static const uint64_t wanted_options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
    SSL_OP_IGNORE_UNEXPECTED_EOF;

/* P-384 is the only group XenServer's client offers. */
static const char hybrid_groups[] = "X25519MLKEM768:X25519:P-256:P-384";
static const char classic_groups[] = "X25519:P-256:P-384";

/* Ends a sentence with OpenSSL's own reason for a refusal. */
static bool library_error(struct error *err, const char *fact)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    error_set(err, "%s (%s)", fact, reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
    return false;
}

static bool set_versions(
    SSL_CTX *context, const struct tls_policy *policy, struct error *err)
{
    if (policy->max_version != 0 && policy->max_version < policy->min_version)
        return error_set(err,
            "tls_min: openssl.cnf allows no TLS as new as that (MaxProtocol): change one "
            "of them");
    return SSL_CTX_set_min_proto_version(context, policy->min_version) == 1 ||
        library_error(err, "the TLS versions cannot be set");
}

static bool set_groups(SSL_CTX *context, struct tls_policy *policy, struct error *err)
{
    if (strcmp(policy->groups, "auto") == 0) {
        bool hybrid = SSL_CTX_set1_groups_list(context, hybrid_groups) == 1;

        free(policy->groups);
        policy->groups = memory_text(hybrid ? hybrid_groups : classic_groups);
        ERR_clear_error();
    }
    if (SSL_CTX_set1_groups_list(context, policy->groups) == 1)
        return true;
    ERR_clear_error();
    return error_set(err,
        "groups: this OpenSSL does not know all of '%s'; see: openssl list "
        "-public-key-algorithms, or say: groups = auto",
        policy->groups);
}

static bool set_suites(
    SSL_CTX *context, const struct tls_policy *policy, struct error *err)
{
    if (SSL_CTX_set_ciphersuites(context, policy->ciphersuites) != 1) {
        ERR_clear_error();
        return error_set(err,
            "ciphersuites: OpenSSL finds no TLS 1.3 cipher in '%s'; see: openssl ciphers "
            "-s -tls1_3 -v",
            policy->ciphersuites);
    }
    if (policy->min_version <= TLS1_2_VERSION &&
        SSL_CTX_set_cipher_list(context, policy->ciphers) != 1) {
        ERR_clear_error();
        return error_set(err,
            "ciphers: OpenSSL finds no TLS 1.2 cipher in '%s'; see: openssl ciphers -v "
            "'%s'",
            policy->ciphers, policy->ciphers);
    }
    return true;
}

/* By preference; both are the same protocol here. */
static const char *const protocols[] = {"http/1.1", "http/1.0", NULL};
static const unsigned char encoded_protocols[] = "\x08http/1.1\x08http/1.0";

/* No overlap is fatal (RFC 7301 section 3.2), as with nginx: a client that insists on h2
 * would misread our HTTP/1.1, and cross-protocol attacks begin with a protocol that
 * nobody agreed on. Clients that offer nothing, like XenServer's, never come here. */
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

static bool add_text(EVP_MD_CTX *hash, const char *text)
{
    return text == NULL ? EVP_DigestUpdate(hash, "", 1) == 1
                        : EVP_DigestUpdate(hash, text, strlen(text) + 1) == 1;
}

static bool add_certificate(EVP_MD_CTX *hash, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return X509_digest(certificate, EVP_sha256(), digest, &len) == 1 &&
        EVP_DigestUpdate(hash, digest, len) == 1;
}

static bool add_credential(EVP_MD_CTX *hash, const struct credential *credential)
{
    const STACK_OF(X509) *chain = credential_chain(credential);
    bool done = add_certificate(hash, credential_leaf(credential));

    for (int i = 0; done && i < sk_X509_num(chain); i++)
        done = add_certificate(hash, sk_X509_value(chain, i));
    return done;
}

static bool add_policy(EVP_MD_CTX *hash, const struct tls_policy *policy)
{
    const uint32_t numbers[] = {(uint32_t)policy->verify, policy->verify_depth,
        policy->min_version, policy->max_version, (uint32_t)policy->security_level};

    return EVP_DigestUpdate(hash, numbers, sizeof(numbers)) == 1 &&
        add_text(hash, policy->groups) && add_text(hash, policy->ciphersuites) &&
        add_text(hash, policy->ciphers) && add_text(hash, policy->ca_pem) &&
        add_text(hash, policy->crl_pem) && hash_list(hash, &policy->pins) &&
        hash_list(hash, &policy->names);
}

/* A session is resumed only where its service, the certificates shown, the trusted
 * issuers and the negotiable parameters are the same as when it was made
 * (CVE-2025-23419). */
static bool bind_sessions(SSL_CTX *context, struct tls_policy *policy, const char *name,
    struct credential *const *credentials, size_t count)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned len = 0;
    bool done = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
        add_text(hash, name) && add_policy(hash, policy);

    for (size_t i = 0; done && i < count; i++)
        done = add_credential(hash, credentials[i]);
    done = done && EVP_DigestFinal_ex(hash, digest, &len) == 1 &&
        SSL_CTX_set_session_id_context(context, digest, SESSION_BINDING) == 1;
    EVP_MD_CTX_free(hash);
    memcpy(policy->binding, digest, SESSION_BINDING);
    return done;
}

static void set_strength(SSL_CTX *context, const struct tls_policy *policy)
{
    SSL_CTX_set_security_level(context, policy->security_level);
    (void)SSL_CTX_set_options(context, policy->options);
    (void)SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_max_early_data(context, 0);
}

/* Applies one field of the policy to the openssl engine. */
static bool apply(SSL_CTX *context, enum tls_policy_field field, struct error *err)
{
    struct context_data *data = context_data(context);
    struct tls_policy *policy = &data->policy;

    switch (field) {
    case TLS_POLICY_VERSIONS:
        return set_versions(context, policy, err);
    case TLS_POLICY_STRENGTH:
        set_strength(context, policy);
        return true;
    case TLS_POLICY_GROUPS:
        return set_groups(context, policy, err);
    case TLS_POLICY_SUITES:
        return set_suites(context, policy, err);
    case TLS_POLICY_SCHEMES:
        return true; /* OpenSSL and openssl.cnf decide */
    case TLS_POLICY_ALPN:
        if (policy->protocols != NULL)
            SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
        return true;
    case TLS_POLICY_VERIFICATION:
        return context_set_client_verification(context, data->libctx, policy, err);
    case TLS_POLICY_TICKETS:
        return ticket_install(context, err);
    case TLS_POLICY_FIELDS:
        break;
    }
    return true;
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

/* Takes the stricter of the service's settings and what openssl.cnf(5) has put into the
 * context just made. */
static void fill_policy(
    struct tls_policy *policy, SSL_CTX *context, const struct service_settings *service)
{
    int machine_min = (int)SSL_CTX_get_min_proto_version(context);
    int machine_max = (int)SSL_CTX_get_max_proto_version(context);
    int machine_level = SSL_CTX_get_security_level(context);
    int min = service->tls_min == TLS_MIN_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

    policy->engine = service->tls_engine;
    policy->min_version = (uint16_t)(machine_min > min ? machine_min : min);
    policy->max_version = (uint16_t)machine_max;
    policy->security_level =
        machine_level > SECURITY_LEVEL ? machine_level : SECURITY_LEVEL;
    policy->options = SSL_CTX_get_options(context) | wanted_options;
    policy->groups = memory_text(service->groups);
    policy->ciphersuites = memory_text(service->ciphersuites);
    policy->ciphers = memory_text(service->ciphers);
    policy->protocols = service->protocol == PROTOCOL_HTTP ? protocols : NULL;
    policy->verify = service->verify;
    policy->verify_depth = service->verify_depth;
    text_list_copy(&policy->pins, &service->verify_pins);
    text_list_copy(&policy->names, &service->verify_names);
}

static bool configure(SSL_CTX *context, struct error *err)
{
    bool done = true;

    context_show_successors(context);
    for (int field = 0; done && field < TLS_POLICY_FIELDS; field++)
        done = apply(context, (enum tls_policy_field)field, err);
    return done;
}

SSL_CTX *context_new(OSSL_LIB_CTX *libctx, const struct service_settings *service,
    struct credential *const *credentials, size_t count,
    const struct ticket_keys *tickets, const char *ca_pem, const char *crl_pem,
    struct error *err)
{
    struct context_data *data;
    SSL_CTX *context;
    bool done;

    ERR_clear_error();
    context = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    if (context == NULL) {
        library_error(err, "no TLS context could be made");
        return NULL;
    }
    data = context_data_new(context);
    data->libctx = libctx;
    fill_policy(&data->policy, context, service);
    data->policy.ca_pem = ca_pem;
    data->policy.crl_pem = crl_pem;
    data->policy.tickets = service->tickets ? tickets : NULL;
    done = configure(context, err) &&
        (bind_sessions(context, &data->policy, service->name, credentials, count) ||
            library_error(err, "no session id context"));
    data->policy.ca_pem = data->policy.crl_pem = NULL;
    for (size_t i = 0; done && i < count; i++)
        done = use_credential(context, credentials[i], err);
    if (done) {
        context_resolve_policy(context, &data->policy);
        return context;
    }
    error_context(err, "[%s]", service->name);
    context_free(context);
    return NULL;
}

void context_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}
