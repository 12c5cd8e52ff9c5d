#include "certstore/context_resolve.h"

#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certstore/tls_policy.h"
#include "proxy/base/client_hello.h"
#include "proxy/base/memory.h"

static void resolve_suites(const SSL_CTX *context, struct tls_policy *policy)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    int count = sk_SSL_CIPHER_num(ciphers);

    if (count > TLS_POLICY_SUITES_MAX)
        return;
    for (int i = 0; i < count; i++)
        policy->suite_ids[policy->suite_count++] =
            SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(ciphers, i));
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

/* "X25519:P-256:P-384"; OpenSSL's newer syntax of sets and preferences is not read. */
static void resolve_groups(struct tls_policy *policy)
{
    for (const char *at = policy->groups; *at != '\0'; at += *at == ':') {
        size_t len = strcspn(at, ":");
        uint16_t id = group_id(at, len);

        if (id == 0 || policy->group_count == TLS_POLICY_GROUPS_MAX) {
            policy->group_count = 0;
            return;
        }
        policy->group_ids[policy->group_count++] = id;
        at += len;
    }
}

static void take_schemes(struct tls_policy *policy, struct bytes list)
{
    uint32_t scheme;

    while (
        policy->scheme_count < TLS_POLICY_SCHEMES_MAX && bytes_number(&list, 2, &scheme))
        policy->schemes[policy->scheme_count++] = (uint16_t)scheme;
}

/* Reads the signature_algorithms of a ClientHello (RFC 8446, 4.2.3). */
static void on_message(int writes, int version, int type, const void *bytes, size_t len,
    SSL *ssl, void *policy)
{
    struct client_hello hello;
    struct bytes body, list;
    uint16_t extension;

    (void)version, (void)ssl;
    if (!writes || type != SSL3_RT_HANDSHAKE ||
        !client_hello_read_message(&hello, (struct bytes){bytes, len}))
        return;
    while (client_hello_next_extension(&hello.extensions, &extension, &body)) {
        if (extension == CLIENT_HELLO_SIGNATURE_SCHEMES && bytes_vector(&body, 2, &list))
            take_schemes(policy, list);
    }
}

/* No function tells which signatures a context makes (the machine may have its own list,
 * SignatureAlgorithms). A client of the same context lists them in its hello. */
static void resolve_schemes(SSL_CTX *context, struct tls_policy *policy)
{
    SSL *client = memory_checked(SSL_new(context));
    BIO *said = memory_checked(BIO_new(BIO_s_mem()));
    BIO *nothing = memory_checked(BIO_new(BIO_s_mem()));

    SSL_set_bio(client, nothing, said);
    SSL_set_msg_callback(client, on_message);
    SSL_set_msg_callback_arg(client, policy);
    SSL_set_connect_state(client);
    if (SSL_set_ssl_method(client, TLS_client_method()) == 1 &&
        SSL_set_min_proto_version(client, TLS1_2_VERSION) == 1)
        (void)SSL_do_handshake(client);
    SSL_free(client);
    ERR_clear_error();
}

void context_resolve_policy(SSL_CTX *context, struct tls_policy *policy)
{
    policy->security_level = SSL_CTX_get_security_level(context); /* @SECLEVEL */
    policy->options = SSL_CTX_get_options(context);
    resolve_suites(context, policy);
    resolve_groups(policy);
    if (policy->engine == TLS_ENGINE_NATIVE)
        resolve_schemes(context, policy);
}
