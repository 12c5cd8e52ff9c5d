#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/judge/xenserver.h"
#include "config/settings.h"

static const char connection_reset[] =
    "XenServer's client then fails with no more than \"connection reset\"";

bool judge_serves_xenserver(const struct service_settings *service)
{
    return service->xenserver && service->sni.count == 0;
}

/* Of two certificates, XAPI's algorithms choose the RSA one. */
struct credential *judge_presented(struct credential *const *credentials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (xenserver_takes_key(credential_key(credentials[i])))
            return credentials[i];
    }
    return count > 0 ? credentials[0] : NULL;
}

static bool has_rsa(struct credential *const *credentials, size_t count)
{
    return count == 0 ||
        xenserver_takes_key(credential_key(judge_presented(credentials, count)));
}

/* Either of the two that XAPI offers will do. Only OpenSSL knows the meaning of the list;
 * an invalid one is reported elsewhere. */
static bool ciphers_suit_xapi(const char *list)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool known = context != NULL && SSL_CTX_set_cipher_list(context, list) == 1;
    STACK_OF(SSL_CIPHER) *ciphers = known ? SSL_CTX_get_ciphers(context) : NULL;
    bool found = false;

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));

        found = found || strcmp(name, "ECDHE-RSA-AES256-GCM-SHA384") == 0 ||
            strcmp(name, "ECDHE-RSA-AES128-GCM-SHA256") == 0;
    }
    SSL_CTX_free(context);
    ERR_clear_error();
    return found || !known;
}

static bool is_p384(const char *name, size_t len)
{
    return (len == 5 && strncasecmp(name, "P-384", len) == 0) ||
        (len == 9 && strncasecmp(name, "secp384r1", len) == 0);
}

/* "auto", or names joined by ':' or '/', with '*' or '?' in front. */
static bool groups_have_p384(const char *groups)
{
    if (strcmp(groups, "auto") == 0)
        return true;
    while (*groups != '\0') {
        size_t len;

        groups += strspn(groups, ":/*?");
        len = strcspn(groups, ":/");
        if (is_p384(groups, len))
            return true;
        groups += len;
    }
    return false;
}

void judge_service(const struct service_settings *service,
    struct credential *const *credentials, size_t count, struct findings *findings)
{
    if (!service->xenserver)
        return;
    if (service->tls_min == TLS_MIN_1_3)
        findings_add(findings, "tls13-only", SEVERITY_WARNING, NULL, connection_reset,
            "write tls_min = 1.2, or leave it out",
            "[%s] speaks TLS 1.3 only; XenServer speaks 1.2", service->name);
    if (!groups_have_p384(service->groups))
        findings_add(findings, "no-p384", SEVERITY_WARNING, NULL, connection_reset,
            "add P-384 to groups, or write groups = auto",
            "[%s] has groups without P-384, the only one XenServer offers",
            service->name);
    if (!ciphers_suit_xapi(service->ciphers))
        findings_add(findings, "no-xapi-cipher", SEVERITY_WARNING, NULL, connection_reset,
            "add ECDHE-RSA-AES256-GCM-SHA384 to ciphers, or leave ciphers out",
            "[%s] has none of the two ciphers XenServer offers", service->name);
    if (!has_rsa(credentials, count))
        findings_add(findings, "no-rsa-certificate", SEVERITY_WARNING,
            service->cert.items[0], connection_reset,
            "add a cert with an RSA key (a second cert = and key =)",
            "[%s] has no certificate with an RSA key, and XenServer takes no other",
            service->name);
    if (service->verify == VERIFY_REQUIRED)
        findings_add(findings, "client-certificate-required", SEVERITY_WARNING, NULL,
            connection_reset,
            "write verify = optional, or give XenServer another service",
            "[%s] requires a client certificate; XenServer has none", service->name);
}

/* TLS 1.2 names the kind of key in the cipher. RSA key exchange decrypts with the key,
 * and the signer only signs. */
static bool can_be_used(const SSL_CIPHER *cipher, struct credential *const *credentials,
    size_t count, bool signer)
{
    int auth = SSL_CIPHER_get_auth_nid(cipher);

    if (signer && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa)
        return false;
    for (size_t i = 0; i < count; i++) {
        const EVP_PKEY *key = credential_key(credentials[i]);
        bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");

        if (auth == (rsa ? NID_auth_rsa : NID_auth_ecdsa))
            return true;
    }
    return false;
}

void judge_ciphers(const struct service_settings *service,
    struct credential *const *credentials, size_t count, bool signer,
    struct findings *findings)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool known =
        context != NULL && SSL_CTX_set_cipher_list(context, service->ciphers) == 1;
    STACK_OF(SSL_CIPHER) *ciphers = known ? SSL_CTX_get_ciphers(context) : NULL;
    bool usable = !known || service->tls_min == TLS_MIN_1_3;

    for (int i = 0; !usable && i < sk_SSL_CIPHER_num(ciphers); i++)
        usable = can_be_used(sk_SSL_CIPHER_value(ciphers, i), credentials, count, signer);
    if (!usable)
        findings_add(findings, "no-usable-cipher", SEVERITY_WARNING, NULL,
            "every client of TLS 1.2 is refused, XenServer among them",
            "leave ciphers out, or add one for each kind of key: "
            "ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES256-GCM-SHA384",
            "[%s] has no TLS 1.2 cipher for the keys of its certificates%s",
            service->name, signer ? " (RSA key exchange needs signer = off)" : "");
    SSL_CTX_free(context);
    ERR_clear_error();
}

static void add_lost(
    const char *file, const char *fact, enum severity severity, struct findings *findings)
{
    findings_add(findings, "xenserver-lost", severity, file,
        "the certificate and settings that are served work for XenServer; with these it "
        "could not connect, or would refuse the certificate",
        "if it is meant so: wlbproxy reload --force; if XenServer does not connect here: "
        "xenserver = off",
        "XenServer could not use it any more: %s", fact);
}

static struct xenserver_offer offer_of(const struct judged_service *service)
{
    const struct judged_pair *pair =
        credential_pair(judge_presented(service->credentials, service->count));

    return (struct xenserver_offer){pair->leaf, pair->chain, pair->unsent};
}

static const char *file_presented(const struct judged_service *service)
{
    const struct credential *presented =
        judge_presented(service->credentials, service->count);
    size_t i = 0;

    while (service->credentials[i] != presented)
        i++;
    return service->settings->cert.items[i];
}

bool judge_lost(const struct judged_service *served, const struct judged_service *fresh,
    time_t now, enum severity severity, struct findings *findings)
{
    const size_t first = findings->count;
    struct findings before, after;
    char reason[320];

    if (!judge_serves_xenserver(served->settings) ||
        !judge_serves_xenserver(fresh->settings) || served->count == 0 ||
        fresh->count == 0)
        return false;
    findings_init(&before);
    findings_init(&after);
    judge_service(served->settings, served->credentials, served->count, &before);
    judge_service(fresh->settings, fresh->credentials, fresh->count, &after);
    for (size_t i = 0; before.count == 0 && i < after.count; i++)
        add_lost(after.items[i].file, after.items[i].fact, severity, findings);
    if (before.count == 0 && after.count == 0) {
        const struct xenserver_offer old = offer_of(served), new = offer_of(fresh);

        if (xenserver_loses(&old, &new, now, reason, sizeof(reason)))
            add_lost(file_presented(fresh), reason, severity, findings);
    }
    findings_destroy(&before);
    findings_destroy(&after);
    return findings->count > first;
}

void judge_address(
    X509 *leaf, const char *file, const char *address, struct findings *findings)
{
    const char *id = "name-mismatch";
    char reason[320];

    if (xenserver_host_matches(leaf, address, reason, sizeof(reason)))
        return;
    if (X509_check_ip_asc(leaf, address, 0) == 1)
        id = "ip-only-in-ip-san";
    else if (strstr(reason, "does not count") != NULL)
        id = "cn-ignored";
    findings_add(findings, id, SEVERITY_WARNING, file,
        "XenServer refuses it when it verifies certificates and its WLB address is this "
        "one",
        "use a name of the certificate as the WLB address, or have one made with this as "
        "a DNS name: wlbproxy cert request --san NAME",
        "%s", reason);
}
