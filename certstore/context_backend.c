#include "certstore/context_backend.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/pins.h"
#include "certstore/trust.h"
#include "config/options.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum {
    SECURITY_LEVEL = 2,
    NAME_TEXT_MAX = 256,
    REFUSAL_MAX = 304, /* a log line has room for it */
    TITLE_MAX = 64,
    NAMES_MAX = 80,
};

/* Kept beside an SSL_CTX of context_backend_new(). */
struct backend_trust {
    struct text_list pins;
    bool by_name; /* else a pin is all that is looked for */
};

/* Kept beside each of its sessions. */
struct backend_peer {
    char name[NAME_TEXT_MAX]; /* its certificate has to have it */
    char refusal[REFUSAL_MAX]; /* "": its certificate was not refused */
};

/* A key share for each of the first two, so that a backend that does not know the hybrid
 * asks for no second ClientHello. */
static const char hybrid_groups[] = "*X25519MLKEM768:*X25519:P-256:P-384";
static const char classic_groups[] = "X25519:P-256:P-384";
static const unsigned char http_protocol[] = "\x08http/1.1";

static int trust_index = -1, peer_index = -1;
static pthread_once_t indexes_once = PTHREAD_ONCE_INIT;

static void free_trust(
    void *parent, void *freed, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct backend_trust *trust = freed;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (trust == NULL)
        return;
    text_list_clear(&trust->pins);
    free(trust);
}

static void free_peer(
    void *parent, void *freed, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    free(freed);
}

static void make_indexes(void)
{
    trust_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_trust);
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_peer);
}

static struct backend_peer *peer_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, peer_index);
}

/* ---- why a certificate is refused ---- */

static void explain_dates(const X509 *certificate, bool expired, char *text)
{
    char title[TITLE_MAX], date[32];

    certificate_title(certificate, title, sizeof(title));
    certificate_date(expired ? certificate_not_after(certificate)
                             : certificate_not_before(certificate),
        date, sizeof(date));
    (void)snprintf(text, REFUSAL_MAX,
        expired ? "the backend's certificate (%s) expired on %s: renew it there"
                : "the backend's certificate (%s) is not valid before %s: are the clocks "
                  "right?",
        title, date);
}

static void explain_name(const X509 *certificate, const char *name, char *text)
{
    char names[NAMES_MAX];

    certificate_names(certificate, names, sizeof(names));
    (void)snprintf(text, REFUSAL_MAX,
        "the backend's certificate is for %s, not for %.80s: write backend_name = the "
        "name it has, or connect by that name",
        names[0] != '\0' ? names : "no name", name);
}

static void explain_self_signed(const X509 *certificate, char *text)
{
    char title[TITLE_MAX], sha256[65];

    certificate_title(certificate, title, sizeof(title));
    certificate_sha256(certificate, sha256);
    (void)snprintf(text, REFUSAL_MAX,
        "the backend's certificate (%s) is self-signed: compare its SHA-256 with the "
        "backend, then write backend_pins = %s",
        title, sha256);
}

static void explain_issuer(const X509 *certificate, char *text)
{
    char title[TITLE_MAX], issuer[NAMES_MAX];

    certificate_title(certificate, title, sizeof(title));
    name_text(X509_get_issuer_name(certificate), issuer, sizeof(issuer));
    (void)snprintf(text, REFUSAL_MAX,
        "the backend's certificate (%s) has an issuer that backend_ca does not have "
        "(%s): "
        "add it there, or the backend sends an incomplete chain",
        title, issuer);
}

static void explain_pin(const X509 *certificate, char *text)
{
    char title[TITLE_MAX], sha256[65];

    certificate_title(certificate, title, sizeof(title));
    certificate_sha256(certificate, sha256);
    (void)snprintf(text, REFUSAL_MAX,
        "the backend's certificate (%s) is none of backend_pins: its SHA-256 is %s",
        title, sha256);
}

/* By the certificate that is at fault, which may be one of the chain's. */
static void explain(X509_STORE_CTX *store, struct backend_peer *peer)
{
    const X509 *leaf = X509_STORE_CTX_get0_cert(store);
    const X509 *current = X509_STORE_CTX_get_current_cert(store);
    const X509 *certificate = current != NULL ? current : leaf;
    int error = X509_STORE_CTX_get_error(store);

    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_dates(certificate, error == X509_V_ERR_CERT_HAS_EXPIRED, peer->refusal);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        explain_name(leaf, peer->name, peer->refusal);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        explain_self_signed(leaf, peer->refusal);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        explain_issuer(certificate, peer->refusal);
        break;
    case X509_V_ERR_CERT_REJECTED:
        explain_pin(leaf, peer->refusal);
        break;
    default:
        (void)snprintf(peer->refusal, REFUSAL_MAX,
            "the backend's certificate is not acceptable: %s",
            X509_verify_cert_error_string(error));
        break;
    }
}

/* ---- verification ---- */

/* The chain and the name, then the pins. */
static int on_verify(X509_STORE_CTX *store, void *data)
{
    const struct backend_trust *trust = data;
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    bool good;

    if (!trust->by_name)
        X509_STORE_CTX_set_verify_cb(store, pins_overlook_issuer);
    good = X509_verify_cert(store) == 1;
    if (good && trust->pins.count > 0 &&
        !pins_have(&trust->pins, X509_STORE_CTX_get0_cert(store))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        good = false;
    } else if (good) {
        /* An error that was overlooked on the way does not count. */
        X509_STORE_CTX_set_error(store, X509_V_OK);
    }
    if (!good)
        explain(store, peer_of(ssl));
    return good;
}

bool context_backend_wants_ca(const struct service_settings *service)
{
    return service->backend_verify &&
        (service->backend_pins.count == 0 ||
            strcmp(service->backend_ca, SETTINGS_CA_AUTO) != 0);
}

static bool set_verification(SSL_CTX *context, OSSL_LIB_CTX *libctx,
    const struct service_settings *service, const char *ca_pem, struct error *err)
{
    struct backend_trust *trust = memory_new(sizeof(*trust));
    struct trust issuers;

    memory_require(SSL_CTX_set_ex_data(context, trust_index, trust) == 1);
    trust->by_name = context_backend_wants_ca(service);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (!service->backend_verify)
        return true;
    if (trust->by_name && ca_pem == NULL)
        return error_set(err, "backend_ca has no issuers");
    if (trust->by_name) {
        if (!trust_parse_backends(&issuers, libctx, ca_pem, err))
            return error_context(err, "backend_ca");
        trust_fill_store(&issuers, SSL_CTX_get_cert_store(context));
        trust_destroy(&issuers);
    }
    text_list_copy(&trust->pins, &service->backend_pins);
    SSL_CTX_set_cert_verify_callback(context, on_verify, trust);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return true;
}

/* ---- the context ---- */

/* The stricter of ours and what openssl.cnf(5) has put there. */
static bool set_strength(SSL_CTX *context, struct error *err)
{
    long max = SSL_CTX_get_max_proto_version(context);

    if (max != 0 && max < TLS1_2_VERSION)
        return error_set(
            err, "connect by TLS: openssl.cnf allows no TLS as new as 1.2 (MaxProtocol)");
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION)
        (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (SSL_CTX_get_security_level(context) < SECURITY_LEVEL)
        SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return true;
}

static bool set_groups(SSL_CTX *context, const char *groups, struct error *err)
{
    bool done = strcmp(groups, "auto") == 0
        ? SSL_CTX_set1_groups_list(context, hybrid_groups) == 1 ||
            SSL_CTX_set1_groups_list(context, classic_groups) == 1
        : SSL_CTX_set1_groups_list(context, groups) == 1;

    ERR_clear_error();
    return done ||
        error_set(err, "groups: this OpenSSL does not know all of '%s'", groups);
}

/* The suites of the service are those for its own certificate: a backend has another. */
static void set_suites(SSL_CTX *context)
{
    (void)SSL_CTX_set_cipher_list(context, option_find("ciphers")->default_text);
    (void)SSL_CTX_set_ciphersuites(context, option_find("ciphersuites")->default_text);
}

static bool use_credential(
    SSL_CTX *context, struct credential *credential, struct error *err)
{
    if (credential == NULL ||
        SSL_CTX_use_cert_and_key(context, credential_leaf(credential),
            credential_key(credential), credential_chain(credential), 0) == 1)
        return true;
    error_set(err, "backend_cert: OpenSSL will not use this certificate (%s)",
        ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return false;
}

SSL_CTX *context_backend_new(OSSL_LIB_CTX *libctx, const struct service_settings *service,
    struct credential *credential, const char *ca_pem, struct error *err)
{
    SSL_CTX *context;

    (void)pthread_once(&indexes_once, make_indexes);
    ERR_clear_error();
    context = SSL_CTX_new_ex(libctx, NULL, TLS_client_method());
    if (context == NULL) {
        error_set(err, "[%s] no TLS context could be made", service->name);
        return NULL;
    }
    set_suites(context);
    if (service->protocol == PROTOCOL_HTTP)
        (void)SSL_CTX_set_alpn_protos(context, http_protocol, sizeof(http_protocol) - 1);
    if (set_strength(context, err) && set_groups(context, service->groups, err) &&
        set_verification(context, libctx, service, ca_pem, err) &&
        use_credential(context, credential, err))
        return context;
    error_context(err, "[%s]", service->name);
    SSL_CTX_free(context);
    return NULL;
}

/* ---- one session ---- */

static bool is_address(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    bool found = address != NULL;

    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return found;
}

void context_backend_begin(SSL *ssl, const char *name)
{
    const struct backend_trust *trust =
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), trust_index);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct backend_peer *peer = memory_new(sizeof(*peer));
    size_t len = strlen(name);

    /* A dot at the end is for the resolver alone (RFC 6066, 3). */
    len -= len > 1 && name[len - 1] == '.';
    (void)snprintf(peer->name, sizeof(peer->name), "%.*s", (int)len, name);
    memory_require(SSL_set_ex_data(ssl, peer_index, peer) == 1);
    assert(!trust->by_name || peer->name[0] != '\0'); /* settings_check() says so */
    if (peer->name[0] == '\0')
        return;
    if (is_address(peer->name)) {
        memory_require(
            !trust->by_name || X509_VERIFY_PARAM_set1_ip_asc(param, peer->name) == 1);
        return;
    }
    memory_require(SSL_set_tlsext_host_name(ssl, peer->name) == 1);
    if (!trust->by_name)
        return;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    memory_require(X509_VERIFY_PARAM_set1_host(param, peer->name, 0) == 1);
}

const char *context_backend_refusal(const SSL *ssl)
{
    const struct backend_peer *peer = peer_of(ssl);

    return peer != NULL && peer->refusal[0] != '\0' ? peer->refusal : NULL;
}
