#include "proxy/command/xapi_findings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "config/settings.h"
#include "proxy/process/plan.h"

static const char connection_reset[] =
    "XenServer's client then fails with no more than \"connection reset\"";

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

/* What the list means only OpenSSL knows. An invalid one is told elsewhere. */
static bool ciphers_suit_xapi(const char *ciphers)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool known = context != NULL && SSL_CTX_set_cipher_list(context, ciphers) == 1;
    STACK_OF(SSL_CIPHER) *list = known ? SSL_CTX_get_ciphers(context) : NULL;
    bool found = false;

    for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
        const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i));

        found = found || strcmp(name, "ECDHE-RSA-AES256-GCM-SHA384") == 0 ||
            strcmp(name, "ECDHE-RSA-AES128-GCM-SHA256") == 0;
    }
    SSL_CTX_free(context);
    ERR_clear_error();
    return found || !known;
}

static bool has_rsa(const struct plan_service *service)
{
    for (size_t i = 0; i < service->credential_count; i++) {
        if (strncmp(credential_summary(service->credentials[i])->key, "RSA", 3) == 0)
            return true;
    }
    return false;
}

void xapi_findings_add(struct findings *findings, const char *config,
    const struct service_settings *settings, const struct plan_service *service)
{
    if (settings->tls_min == TLS_MIN_1_3)
        findings_add(findings, "tls13-only", SEVERITY_WARNING, config, connection_reset,
            "write tls_min = 1.2, or leave it out",
            "[%s] speaks TLS 1.3 only; XenServer speaks 1.2", settings->name);
    if (!groups_have_p384(settings->groups))
        findings_add(findings, "no-p384", SEVERITY_WARNING, config, connection_reset,
            "add P-384 to groups, or write groups = auto",
            "[%s] has groups without P-384, the only one XenServer offers",
            settings->name);
    if (!ciphers_suit_xapi(settings->ciphers))
        findings_add(findings, "no-xapi-cipher", SEVERITY_WARNING, config,
            connection_reset,
            "add ECDHE-RSA-AES256-GCM-SHA384 to ciphers, or leave ciphers out",
            "[%s] has none of the two ciphers XenServer offers", settings->name);
    if (service->credential_count > 0 && !has_rsa(service))
        findings_add(findings, "no-rsa-certificate", SEVERITY_WARNING,
            settings->cert.items[0], connection_reset,
            "add a cert with an RSA key (a second cert = and key =)",
            "[%s] has no certificate with an RSA key, and XenServer takes no other",
            settings->name);
    if (settings->verify == VERIFY_REQUIRED)
        findings_add(findings, "client-certificate-required", SEVERITY_WARNING, config,
            connection_reset,
            "write verify = optional, or give XenServer another service",
            "[%s] requires a client certificate; XenServer has none", settings->name);
}
