#include "proxy/tls/native/policy.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "certstore/context.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"

enum {
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_HEADER = 4,
    SECURITY_LEVEL = 2 /* the parts that we support are as strong */
};

static int policy_index = -1;
static pthread_once_t policy_once = PTHREAD_ONCE_INIT;

/* Marks a context that is left to OpenSSL, so that it is judged once. */
static struct policy none;

static void free_policy(
    void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct policy *policy = data;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (policy == NULL || policy == &none)
        return;
    for (size_t i = 0; i < policy->shown_count; i++) {
        free(policy->shown[i].message_13);
        free(policy->shown[i].message_12);
    }
    free(policy);
}

static void make_policy_index(void)
{
    policy_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_policy);
}

static struct suite suites[] = {
    {0x1301, VERSION_13, SUITE_ANY_KEY, RECORD_AES_128_GCM, "TLS_AES_128_GCM_SHA256",
        NULL},
    {0x1302, VERSION_13, SUITE_ANY_KEY, RECORD_AES_256_GCM, "TLS_AES_256_GCM_SHA384",
        NULL},
    {0x1303, VERSION_13, SUITE_ANY_KEY, RECORD_CHACHA20_POLY1305,
        "TLS_CHACHA20_POLY1305_SHA256", NULL},
    {0xc02c, VERSION_12, SUITE_ECDSA, RECORD_AES_256_GCM, "ECDHE-ECDSA-AES256-GCM-SHA384",
        NULL},
    {0xc030, VERSION_12, SUITE_RSA, RECORD_AES_256_GCM, "ECDHE-RSA-AES256-GCM-SHA384",
        NULL},
    {0xc02b, VERSION_12, SUITE_ECDSA, RECORD_AES_128_GCM, "ECDHE-ECDSA-AES128-GCM-SHA256",
        NULL},
    {0xc02f, VERSION_12, SUITE_RSA, RECORD_AES_128_GCM, "ECDHE-RSA-AES128-GCM-SHA256",
        NULL},
    {0xcca9, VERSION_12, SUITE_ECDSA, RECORD_CHACHA20_POLY1305,
        "ECDHE-ECDSA-CHACHA20-POLY1305", NULL},
    {0xcca8, VERSION_12, SUITE_RSA, RECORD_CHACHA20_POLY1305,
        "ECDHE-RSA-CHACHA20-POLY1305", NULL},
};

const struct suite *suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        if (suites[i].id == id) {
            suites[i].digest =
                digest_find(suites[i].cipher == RECORD_AES_256_GCM ? "SHA384" : "SHA256");
            return &suites[i];
        }
    }
    return NULL;
}

static bool read_suites(struct policy *policy)
{
    const struct tls_policy *agreed = policy->agreed;

    for (size_t i = 0; i < agreed->suite_count; i++)
        policy->suites[i] = suite_find(agreed->suite_ids[i]);
    return agreed->suite_count > 0;
}

static const struct key_exchange_group *own_group(uint16_t id)
{
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (key_exchange_groups[i].tls_id == id)
            return &key_exchange_groups[i];
    }
    return NULL;
}

static bool read_groups(struct policy *policy)
{
    const struct tls_policy *agreed = policy->agreed;

    for (size_t i = 0; i < agreed->group_count; i++)
        policy->groups[i] = own_group(agreed->group_ids[i]);
    return agreed->group_count > 0;
}

/* The policy must have all of our schemes in OpenSSL's order of preference; others may
 * stand between them. */
static bool signs_as_supported(const struct tls_policy *agreed)
{
    static const uint16_t ours[] = {
        0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601};
    enum { OURS = sizeof(ours) / sizeof(ours[0]) };
    size_t found = 0;

    for (size_t i = 0; i < agreed->scheme_count; i++) {
        bool is_ours = false;

        for (size_t k = 0; k < OURS; k++)
            is_ours = is_ours || agreed->schemes[i] == ours[k];
        if (is_ours && (found == OURS || agreed->schemes[i] != ours[found++]))
            return false;
    }
    return found == OURS;
}

static unsigned char *put(unsigned char *at, size_t value, size_t len)
{
    for (size_t i = len; i > 0; i--) {
        at[i - 1] = (unsigned char)value;
        value >>= 8;
    }
    return at + len;
}

/* Writes one entry of a certificate_list; in TLS 1.3 with an empty list of extensions. */
static unsigned char *put_certificate(
    unsigned char *at, const X509 *certificate, size_t extensions_len)
{
    at = put(at, (size_t)i2d_X509(certificate, NULL), 3);
    (void)i2d_X509(certificate, &at);
    return put(at, 0, extensions_len);
}

static size_t list_len(const X509 *leaf, const STACK_OF(X509) * chain, size_t overhead)
{
    size_t len = overhead + (size_t)i2d_X509(leaf, NULL);

    for (int i = 0; i < sk_X509_num(chain); i++)
        len += overhead + (size_t)i2d_X509(sk_X509_value(chain, i), NULL);
    return len;
}

/* `context_len`: length of the certificate_request_context, empty, with which TLS 1.3
 * begins. */
static unsigned char *make_message(const X509 *leaf, const STACK_OF(X509) * chain,
    size_t context_len, size_t extensions_len, size_t *len)
{
    size_t list = list_len(leaf, chain, 3 + extensions_len);
    size_t body = context_len + 3 + list;
    unsigned char *message, *at;

    *len = MESSAGE_HEADER + body;
    message = memory_raw(*len);
    message[0] = MESSAGE_CERTIFICATE;
    at = put(message + 1, body, 3);
    at = put(at, 0, context_len);
    at = put(at, list, 3);
    at = put_certificate(at, leaf, extensions_len);
    for (int i = 0; i < sk_X509_num(chain); i++)
        at = put_certificate(at, sk_X509_value(chain, i), extensions_len);
    return message;
}

static bool read_current_certificate(struct policy *policy, SSL_CTX *context)
{
    struct shown *shown = &policy->shown[policy->shown_count];
    EVP_PKEY *key = SSL_CTX_get0_privatekey(context);
    X509 *leaf = SSL_CTX_get0_certificate(context);
    STACK_OF(X509) *chain = NULL;

    if (policy->shown_count == POLICY_SHOWN_MAX || key == NULL || leaf == NULL ||
        SSL_CTX_get0_chain_certs(context, &chain) != 1 ||
        (shown->key = engine_signing_key(key)) == NULL)
        return false;
    shown->rsa = shown->key->curve == NULL;
    shown->may_sign_12 = (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0;
    shown->message_13 = make_message(leaf, chain, 1, 2, &shown->message_13_len);
    shown->message_12 = make_message(leaf, chain, 0, 0, &shown->message_12_len);
    policy->shown_count++;
    return true;
}

static bool read_certificates(struct policy *policy, SSL_CTX *context)
{
    long more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST);

    for (; more == 1; more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT)) {
        if (!read_current_certificate(policy, context))
            return false;
    }
    return policy->shown_count > 0;
}

/* Other options than ours, set by the service or for the whole machine (config(5)), are
 * left to OpenSSL. */
static bool options_are_supported(uint64_t options)
{
    const uint64_t wanted = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    const uint64_t unwanted = SSL_OP_NO_TICKET | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
        SSL_OP_NO_EXTENDED_MASTER_SECRET;

    return (options & (wanted | unwanted)) == wanted;
}

/* Applies a field of the policy to the native engine; false: it cannot. */
static bool honour(struct policy *policy, enum tls_policy_field field)
{
    const struct tls_policy *agreed = policy->agreed;

    switch (field) {
    case TLS_POLICY_VERSIONS:
        policy->allows_12 = agreed->min_version <= VERSION_12;
        policy->allows_13 = true;
        return agreed->min_version <= VERSION_13 && agreed->max_version == 0;
    case TLS_POLICY_STRENGTH:
        return agreed->security_level == SECURITY_LEVEL &&
            options_are_supported(agreed->options);
    case TLS_POLICY_GROUPS:
        return read_groups(policy);
    case TLS_POLICY_SUITES:
        return read_suites(policy);
    case TLS_POLICY_SCHEMES:
        return signs_as_supported(agreed);
    case TLS_POLICY_ALPN:
        return true; /* handshake.c chooses */
    case TLS_POLICY_VERIFICATION:
        return agreed->verify == VERIFY_OFF;
    case TLS_POLICY_TICKETS:
        return true; /* ticket.c reads the keys */
    case TLS_POLICY_FIELDS:
        break;
    }
    return false;
}

static bool fill(struct policy *policy, SSL_CTX *context)
{
    bool good = engine_supports_native();

    policy->agreed = context_policy(context);
    good = good && policy->agreed != NULL;
    for (int field = 0; good && field < TLS_POLICY_FIELDS; field++)
        good = honour(policy, (enum tls_policy_field)field);
    return good && read_certificates(policy, context);
}

static struct policy *make(SSL_CTX *context)
{
    struct policy *policy = memory_new(sizeof(*policy));

    if (!fill(policy, context)) {
        free_policy(NULL, policy, NULL, 0, 0, NULL);
        policy = &none;
    }
    memory_require(SSL_CTX_set_ex_data(context, policy_index, policy) == 1);
    return policy;
}

const struct policy *policy_of(SSL_CTX *context)
{
    const struct policy *policy;

    (void)pthread_once(&policy_once, make_policy_index);
    policy = SSL_CTX_get_ex_data(context, policy_index);
    if (policy == NULL)
        policy = make(context);
    return policy != &none ? policy : NULL;
}
