#include "proxy/tls/native/policy_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "certstore/context.h"
#include "proxy/crypto/engine.h"

enum {
    MESSAGE_CERTIFICATE = 11,
    MESSAGE_HEADER = 4,
    SECURITY_LEVEL = 2 /* all that is ours is as strong */
};

static int policy_index = -1;
static pthread_once_t policy_once = PTHREAD_ONCE_INIT;

/* Of a context that is OpenSSL's, so that this is found out once. */
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

static bool read_suites(struct policy *policy, const SSL_CTX *context)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    int count = sk_SSL_CIPHER_num(ciphers);

    if (count > POLICY_SUITES_MAX)
        return false;
    for (int i = 0; i < count; i++) {
        uint16_t id = SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(ciphers, i));

        policy->suite_ids[policy->suite_count] = id;
        policy->suites[policy->suite_count++] = suite_find(id);
    }
    return policy->suite_count > 0;
}

/* 0: not known here. */
static uint16_t group_id(const char *name, size_t len)
{
    static const struct {
        const char *name;
        uint16_t id;
    } known[] = {
        {"X25519", 29},
        {"P-256", 23},
        {"prime256v1", 23},
        {"secp256r1", 23},
        {"P-384", 24},
        {"secp384r1", 24},
        {"P-521", 25},
        {"secp521r1", 25},
        {"X448", 30},
        {"X25519MLKEM768", 4588},
        {"SecP256r1MLKEM768", 4587},
        {"SecP384r1MLKEM1024", 4589},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == len && strncasecmp(name, known[i].name, len) == 0)
            return known[i].id;
    }
    return 0;
}

static const struct key_exchange_group *own_group(uint16_t id)
{
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (key_exchange_groups[i].tls_id == id)
            return &key_exchange_groups[i];
    }
    return NULL;
}

/* "X25519:P-256:P-384"; OpenSSL's newer syntax of sets and preferences is not read. */
static bool read_groups(struct policy *policy, const char *text)
{
    for (const char *at = text; *at != '\0'; at += *at == ':') {
        size_t len = strcspn(at, ":");
        uint16_t id = group_id(at, len);

        if (id == 0 || policy->group_count == POLICY_GROUPS_MAX)
            return false;
        policy->group_ids[policy->group_count] = id;
        policy->groups[policy->group_count++] = own_group(id);
        at += len;
    }
    return policy->group_count > 0;
}

static unsigned char *put(unsigned char *at, size_t value, size_t len)
{
    for (size_t i = len; i > 0; i--) {
        at[i - 1] = (unsigned char)value;
        value >>= 8;
    }
    return at + len;
}

/* One entry of a certificate_list; in TLS 1.3 extensions come with it, none. */
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

/* `context_len`: of the certificate_request_context, empty, which TLS 1.3 begins with. */
static unsigned char *make_message(const X509 *leaf, const STACK_OF(X509) * chain,
    size_t context_len, size_t extensions_len, size_t *len)
{
    size_t list = list_len(leaf, chain, 3 + extensions_len);
    size_t body = context_len + 3 + list;
    unsigned char *message, *at;

    *len = MESSAGE_HEADER + body;
    message = malloc(*len);
    if (message == NULL)
        abort();
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

/* Stricter or laxer ones, by the service's ciphers or for the whole machine (config(5)),
 * are for OpenSSL to obey. */
static bool is_supported(SSL_CTX *context)
{
    const uint64_t wanted = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    const uint64_t unwanted = SSL_OP_NO_TICKET | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
        SSL_OP_NO_EXTENDED_MASTER_SECRET;

    return context_groups(context) != NULL &&
        SSL_CTX_get_verify_mode(context) == SSL_VERIFY_NONE &&
        (SSL_CTX_get_options(context) & (wanted | unwanted)) == wanted &&
        SSL_CTX_get_max_proto_version(context) == 0 &&
        SSL_CTX_get_security_level(context) == SECURITY_LEVEL &&
        policy_signature_is_supported(context);
}

static bool fill(struct policy *policy, SSL_CTX *context)
{
    if (!engine_seals_records() || !is_supported(context))
        return false;
    policy->allows_12 = SSL_CTX_get_min_proto_version(context) <= TLS1_2_VERSION;
    policy->allows_13 = true;
    policy->protocols = context_protocols(context);
    policy->tickets = context_tickets(context);
    memcpy(policy->binding, context_binding(context), SESSION_BINDING);
    return read_suites(policy, context) && read_groups(policy, context_groups(context)) &&
        read_certificates(policy, context);
}

static struct policy *make(SSL_CTX *context)
{
    struct policy *policy = calloc(1, sizeof(*policy));

    if (policy == NULL)
        abort();
    if (!fill(policy, context)) {
        free_policy(NULL, policy, NULL, 0, 0, NULL);
        policy = &none;
    }
    if (SSL_CTX_set_ex_data(context, policy_index, policy) != 1)
        abort();
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
