/* Copies the results of a handshake once. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/base/memory.h"
#include "proxy/tls/tls_openssl.h"

static enum tls_version_kind version_kind(const SSL *ssl)
{
    switch (SSL_version(ssl)) {
    case TLS1_3_VERSION:
        return TLS_VERSION_13;
    case TLS1_2_VERSION:
        return TLS_VERSION_12;
    default:
        return TLS_VERSION_OTHER;
    }
}

/* OpenSSL gives a group without NID as its number of RFC 8446, 4.2.7. */
static enum tls_group_kind group_kind(SSL *ssl)
{
    switch (SSL_get_negotiated_group(ssl)) {
    case TLSEXT_nid_unknown | 4588:
        return TLS_GROUP_X25519MLKEM768;
    case TLSEXT_nid_unknown | 4587:
        return TLS_GROUP_P256MLKEM768;
    case TLSEXT_nid_unknown | 4589:
        return TLS_GROUP_P384MLKEM1024;
    case NID_X25519:
        return TLS_GROUP_X25519;
    case NID_X9_62_prime256v1:
        return TLS_GROUP_P256;
    case NID_secp384r1:
        return TLS_GROUP_P384;
    case NID_secp521r1:
        return TLS_GROUP_P521;
    case NID_undef:
        return TLS_GROUP_NONE;
    default:
        return TLS_GROUP_OTHER;
    }
}

static enum tls_cipher_kind cipher_kind(const SSL *ssl)
{
    static const struct {
        uint32_t id;
        enum tls_cipher_kind kind;
    } known[] = {
        {TLS1_3_CK_AES_128_GCM_SHA256, TLS_CIPHER_AES128},
        {TLS1_3_CK_AES_256_GCM_SHA384, TLS_CIPHER_AES256},
        {TLS1_3_CK_CHACHA20_POLY1305_SHA256, TLS_CIPHER_CHACHA20},
        {TLS1_CK_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_CIPHER_RSA_AES256},
        {TLS1_CK_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_CIPHER_RSA_AES128},
        {TLS1_CK_ECDHE_RSA_WITH_CHACHA20_POLY1305, TLS_CIPHER_RSA_CHACHA20},
        {TLS1_CK_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_CIPHER_ECDSA_AES256},
        {TLS1_CK_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_CIPHER_ECDSA_AES128},
        {TLS1_CK_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, TLS_CIPHER_ECDSA_CHACHA20},
    };
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

    for (size_t i = 0; cipher != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].id == SSL_CIPHER_get_id(cipher))
            return known[i].kind;
    }
    return TLS_CIPHER_OTHER;
}

static enum tls_signature_kind signature_kind(const SSL *ssl)
{
    int nid;

    if (SSL_session_reused(ssl) == 1 || SSL_get_signature_type_nid(ssl, &nid) != 1)
        return TLS_SIGNATURE_NONE;
    switch (nid) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return TLS_SIGNATURE_RSA;
    case EVP_PKEY_EC:
        return TLS_SIGNATURE_ECDSA;
    default:
        return TLS_SIGNATURE_OTHER;
    }
}

static char *sni_of(const SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    return name != NULL ? memory_text(name) : NULL;
}

static char *alpn_of(const SSL *ssl)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(ssl, &name, &len);
    return len > 0 ? memory_text_part((const char *)name, len) : NULL;
}

/* A group that is counted has the name that status and metrics give it; OpenSSL's is
 * another one ("secp384r1"). */
static const char *group_of(SSL *ssl, enum tls_group_kind kind)
{
    const char *name = tls_group_names[kind];

    if (kind == TLS_GROUP_NONE)
        return "";
    if (kind == TLS_GROUP_OTHER)
        name = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
    return name != NULL ? name : "";
}

static char *sha256_of(const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned len = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
        return NULL;
    for (unsigned i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return memory_text_part(text, 2 * len);
}

/* The last CN is the most specific. NULL: none, or one that contains a NUL. */
static char *cn_of(const X509 *certificate)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    int at = -1, next;
    unsigned char *text = NULL;
    char *cn = NULL;
    int len;

    while ((next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        at = next;
    if (at < 0)
        return NULL;
    len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (len > 0 && memchr(text, '\0', (size_t)len) == NULL)
        cn = memory_text_part((char *)text, (size_t)len);
    OPENSSL_free(text);
    return cn;
}

static void take_peer(struct tls_negotiated *outcome, const SSL *ssl)
{
    const X509 *peer = SSL_get0_peer_certificate(ssl);
    char subject[256] = "";

    if (peer == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return;
    X509_NAME_oneline(X509_get_subject_name(peer), subject, sizeof(subject));
    outcome->peer_subject = memory_text_part(subject, sizeof(subject));
    outcome->peer_cn = cn_of(peer);
    outcome->peer_sha256 = sha256_of(peer);
}

struct tls_negotiated *tls_negotiated_new(enum tls_engine_choice engine)
{
    struct tls_negotiated *outcome = memory_new(sizeof(*outcome));

    outcome->engine = engine;
    return outcome;
}

struct tls_negotiated *tls_openssl_outcome(SSL *ssl)
{
    struct tls_negotiated *outcome = tls_negotiated_new(TLS_ENGINE_OPENSSL);
    const char *cipher = SSL_get_cipher_name(ssl);

    outcome->version = SSL_get_version(ssl);
    outcome->cipher = cipher != NULL ? cipher : "";
    outcome->context = SSL_get_SSL_CTX(ssl);
    (void)SSL_CTX_up_ref(outcome->context);
    outcome->sni = sni_of(ssl);
    outcome->alpn = alpn_of(ssl);
    take_peer(outcome, ssl);
    outcome->version_kind = version_kind(ssl);
    outcome->group_kind = group_kind(ssl);
    outcome->group = group_of(ssl, outcome->group_kind);
    outcome->cipher_kind = cipher_kind(ssl);
    outcome->signature_kind = signature_kind(ssl);
    outcome->resumed = SSL_session_reused(ssl) == 1;
    return outcome;
}

void tls_negotiated_free(struct tls_negotiated *outcome)
{
    if (outcome == NULL)
        return;
    SSL_CTX_free(outcome->context);
    free(outcome->sni);
    free(outcome->alpn);
    free(outcome->peer_subject);
    free(outcome->peer_cn);
    free(outcome->peer_sha256);
    free(outcome);
}

void tls_counts_count(struct tls_counts *tally, const struct tls *tls)
{
    const struct tls_negotiated *outcome = tls->outcome;

    tally->engines[outcome->engine]++;
    tally->versions[outcome->version_kind]++;
    tally->groups[outcome->group_kind]++;
    tally->ciphers[outcome->cipher_kind]++;
    tally->signatures[outcome->signature_kind]++;
}
