#include "proxy/tls/native/native_info.h"

#include "proxy/base/memory.h"
#include "proxy/tls/native/handshake.h"
#include "proxy/tls/tls_session.h"

static enum tls_group_kind group_kind(const struct key_exchange_group *group)
{
    if (group == NULL)
        return TLS_GROUP_NONE;
    return group == &key_exchange_groups[KEY_EXCHANGE_X25519] ? TLS_GROUP_X25519
        : group == &key_exchange_groups[KEY_EXCHANGE_P256]    ? TLS_GROUP_P256
                                                              : TLS_GROUP_P384;
}

static enum tls_cipher_kind cipher_kind(const struct suite *suite)
{
    static const enum tls_cipher_kind kinds[][RECORD_CIPHERS] = {
        [SUITE_ANY_KEY] = {TLS_CIPHER_AES128, TLS_CIPHER_AES256, TLS_CIPHER_CHACHA20},
        [SUITE_RSA] = {TLS_CIPHER_RSA_AES128, TLS_CIPHER_RSA_AES256,
            TLS_CIPHER_RSA_CHACHA20},
        [SUITE_ECDSA] = {TLS_CIPHER_ECDSA_AES128, TLS_CIPHER_ECDSA_AES256,
            TLS_CIPHER_ECDSA_CHACHA20},
    };

    return kinds[suite->auth][suite->cipher];
}

struct tls_negotiated *tls_native_outcome(struct handshake *handshake)
{
    struct tls_negotiated *outcome = tls_negotiated_new(TLS_ENGINE_NATIVE);
    const struct suite *suite = handshake->suite;
    bool is_13 = suite->version == VERSION_13;

    outcome->version = is_13 ? "TLSv1.3" : "TLSv1.2";
    outcome->cipher = suite->name;
    outcome->context = handshake->context;
    handshake->context = NULL;
    outcome->sni = handshake->host_name;
    handshake->host_name = NULL;
    if (handshake->protocol != NULL)
        outcome->alpn = memory_text(handshake->protocol);
    outcome->version_kind = is_13 ? TLS_VERSION_13 : TLS_VERSION_12;
    outcome->group_kind = group_kind(handshake->group);
    outcome->group = handshake->group != NULL ? tls_group_names[outcome->group_kind] : "";
    outcome->cipher_kind = cipher_kind(suite);
    outcome->signature_kind = handshake->scheme == NULL ? TLS_SIGNATURE_NONE
        : handshake->scheme->rsa                        ? TLS_SIGNATURE_RSA
                                                        : TLS_SIGNATURE_ECDSA;
    outcome->resumed = handshake->resumed;
    return outcome;
}
