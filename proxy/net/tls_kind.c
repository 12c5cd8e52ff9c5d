#include "proxy/net/tls_kind.h"

#include "proxy/net/tls_session.h"

#define X(name, text) text,
static const char *const version_names[] = {TLS_VERSION_KINDS(X)};
static const char *const group_names[] = {TLS_GROUP_KINDS(X)};
static const char *const cipher_names[] = {TLS_CIPHER_KINDS(X)};
static const char *const signature_names[] = {TLS_SIGNATURE_KINDS(X)};
static const char *const cause_names[] = {TLS_CAUSE_KINDS(X)};
#undef X

const struct tls_tally_list tls_tally_lists[TLS_TALLY_LISTS] = {
    {"versions", version_names, TLS_VERSION_KIND_COUNT,
        offsetof(struct tls_tally, versions)},
    {"groups", group_names, TLS_GROUP_KIND_COUNT, offsetof(struct tls_tally, groups)},
    {"ciphers", cipher_names, TLS_CIPHER_KIND_COUNT, offsetof(struct tls_tally, ciphers)},
    {"signatures", signature_names, TLS_SIGNATURE_KIND_COUNT,
        offsetof(struct tls_tally, signatures)},
    {"failures", cause_names, TLS_CAUSE_KIND_COUNT, offsetof(struct tls_tally, failures)},
};

const uint64_t *tls_tally_counts(
    const struct tls_tally *tally, const struct tls_tally_list *list)
{
    return (const uint64_t *)(const void *)((const char *)tally + list->offset);
}

void tls_tally_add(struct tls_tally *sum, const struct tls_tally *one)
{
    for (size_t i = 0; i < TLS_TALLY_LISTS; i++) {
        const struct tls_tally_list *list = &tls_tally_lists[i];
        uint64_t *to = (uint64_t *)(void *)((char *)sum + list->offset);
        const uint64_t *from = tls_tally_counts(one, list);

        for (size_t k = 0; k < list->count; k++)
            to[k] += from[k];
    }
}

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

/* Groups that OpenSSL has no NID for come as their number of RFC 8446, 4.2.7. */
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

void tls_tally_count(struct tls_tally *tally, const struct tls *tls)
{
    tally->versions[version_kind(tls->ssl)]++;
    tally->groups[group_kind(tls->ssl)]++;
    tally->ciphers[cipher_kind(tls->ssl)]++;
    tally->signatures[signature_kind(tls->ssl)]++;
}
