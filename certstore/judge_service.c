#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge.h"
#include "certstore/xenserver.h"
#include "config/settings.h"

static const char cannot_connect[] = "XenServer's client cannot connect: it has TLS 1.2, "
                                     "P-384 and ECDHE-RSA-AES-GCM alone";

static bool has_rsa(struct credential *const *credentials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (EVP_PKEY_is_a(credential_key(credentials[i]), "RSA"))
            return true;
    }
    return count == 0;
}

/* Either of the two that XAPI offers will do. */
static bool has_xapi_cipher(const char *list)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    STACK_OF(SSL_CIPHER) *ciphers = NULL;
    bool found = false;

    if (context != NULL && SSL_CTX_set_cipher_list(context, list) == 1)
        ciphers = SSL_CTX_get_ciphers(context);
    for (int i = 0; ciphers != NULL && i < sk_SSL_CIPHER_num(ciphers); i++) {
        const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));

        found = found || strcmp(name, "ECDHE-RSA-AES256-GCM-SHA384") == 0 ||
            strcmp(name, "ECDHE-RSA-AES128-GCM-SHA256") == 0;
    }
    SSL_CTX_free(context);
    return found;
}

static bool has_p384(const char *groups)
{
    return strcmp(groups, "auto") == 0 || strcasestr(groups, "P-384") != NULL ||
        strcasestr(groups, "secp384r1") != NULL;
}

void judge_service(const struct service_settings *service,
    struct credential *const *credentials, size_t count, struct findings *findings)
{
    if (!has_rsa(credentials, count))
        findings_add(findings, "no-rsa", SEVERITY_WARNING, NULL, cannot_connect,
            "add a certificate with an RSA key beside it: a second cert = and key = line",
            "[%s] has no certificate with an RSA key", service->name);
    if (service->tls_min == TLS_MIN_1_3)
        findings_add(findings, "tls13-only", SEVERITY_WARNING, NULL, cannot_connect,
            "tls_min = 1.2", "[%s] speaks TLS 1.3 only", service->name);
    else if (!has_xapi_cipher(service->ciphers))
        findings_add(findings, "no-xenserver-cipher", SEVERITY_WARNING, NULL,
            cannot_connect, "add ECDHE-RSA-AES256-GCM-SHA384 to the ciphers",
            "[%s] has none of XenServer's ciphers", service->name);
    if (!has_p384(service->groups))
        findings_add(findings, "no-p384", SEVERITY_WARNING, NULL, cannot_connect,
            "groups = auto, or add P-384", "[%s] does not offer the group P-384",
            service->name);
    if (service->verify == VERIFY_REQUIRED)
        findings_add(findings, "client-certificate", SEVERITY_WARNING, NULL,
            "XenServer's client has no certificate to show",
            "verify = optional, or a service of its own for XenServer",
            "[%s] requires client certificates", service->name);
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
        "a "
        "DNS name: wlbproxy cert request --san NAME",
        "%s", reason);
}
