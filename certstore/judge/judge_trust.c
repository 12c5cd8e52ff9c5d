#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/trust.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { DAY = 24 * 3600, TITLE_MAX = 160 };

struct trust_judgement {
    const struct trust *trust;
    const char *ca_file, *crl_file; /* crl_file NULL: there are several */
    /* Of a CA that is not good, and of one that is none, self-signed or not. */
    const char *effect, *effect_of_leaf, *effect_of_other, *remedy_of_leaf;
    time_t now;
    struct findings *findings;
};

static void add_ca(const struct trust_judgement *j, const char *id,
    enum severity severity, const char *remedy, const char *title, const char *fact)
{
    findings_add(j->findings, id, severity, j->ca_file, j->effect, remedy, "the CA %s %s",
        title, fact);
}

static const char new_ca[] = "put the CA's current certificate into FILE";

/* Verifies it as part of a client's chain that ends in it. Returns X509_V_OK or the
 * reason. */
static int verify(const struct trust_judgement *j, X509 *authority)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error = X509_V_OK;

    memory_require(store != NULL && context != NULL);
    trust_fill_store(j->trust, store);
    memory_require(X509_STORE_CTX_init(context, store, authority, NULL) == 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), j->now);
    if (X509_verify_cert(context) != 1)
        error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return error;
}

static void judge_dates(
    const struct trust_judgement *j, X509 *authority, const char *title)
{
    time_t from = certificate_not_before(authority),
           to = certificate_not_after(authority);
    char date[32], fact[80];

    certificate_date(from > j->now ? from : to, date, sizeof(date));
    if (from > j->now) {
        (void)snprintf(fact, sizeof(fact), "is not valid before %s", date);
        add_ca(j, "ca-not-yet-valid", SEVERITY_STALE,
            "check this machine's clock (date -u), or wait until then", title, fact);
    } else if (to < j->now) {
        (void)snprintf(fact, sizeof(fact), "expired on %s", date);
        add_ca(j, "ca-expired", SEVERITY_STALE, new_ca, title, fact);
    } else if (to < j->now + 30L * DAY) {
        (void)snprintf(fact, sizeof(fact), "expires on %s", date);
        add_ca(j, "ca-expiring", SEVERITY_WARNING, new_ca, title, fact);
    }
}

static bool has_issuer(const struct trust_judgement *j, X509 *subject)
{
    for (int i = 0; i < sk_X509_num(j->trust->authorities); i++) {
        if (certificate_issued(sk_X509_value(j->trust->authorities, i), subject))
            return true;
    }
    return false;
}

static bool is_of(const X509_CRL *list, const X509 *authority)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority)) ==
        0;
}

static void add_list(const struct trust_judgement *j, const char *id,
    enum severity severity, const char *remedy, const char *title, const char *fact)
{
    findings_add(j->findings, id, severity, j->crl_file,
        "a client is let in only if a current list of its issuer does not name it: all "
        "clients of this CA are turned away",
        remedy, "the revocation list of %s %s", title, fact);
}

static const char new_list[] = "fetch the CA's current list";

/* True if OpenSSL would use this list. */
static bool judge_list(const struct trust_judgement *j, X509_CRL *list, X509 *authority,
    const char *title, bool tell)
{
    time_t from = trust_time(X509_CRL_get0_lastUpdate(list));
    time_t to = trust_time(X509_CRL_get0_nextUpdate(list));
    const char *id = NULL, *fact = NULL;
    char text[80], date[32];

    certificate_date(from > j->now ? from : to, date, sizeof(date));
    if (X509_CRL_verify(list, X509_get0_pubkey(authority)) != 1) {
        id = "crl-bad-signature";
        fact = "is not signed with that CA's key";
    } else if ((X509_get_key_usage(authority) & KU_CRL_SIGN) == 0) {
        id = "crl-not-allowed";
        fact = "does not count: the CA's certificate does not allow it to sign lists";
    } else if (from > j->now || (to != 0 && to < j->now)) {
        id = from > j->now ? "crl-not-yet-valid" : "crl-expired";
        (void)snprintf(text, sizeof(text), "%s %s",
            from > j->now ? "is not valid before" : "was to be replaced by", date);
        fact = text;
    }
    ERR_clear_error();
    if (tell && id != NULL)
        add_list(j, id, SEVERITY_STALE, new_list, title, fact);
    return id == NULL;
}

/* One good list is enough: the last one and the one before may stand side by side. */
static void judge_lists_of(
    const struct trust_judgement *j, X509 *authority, const char *title)
{
    X509_CRL *last = NULL;

    for (int i = 0; i < sk_X509_CRL_num(j->trust->lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(j->trust->lists, i);

        if (!is_of(list, authority))
            continue;
        if (judge_list(j, list, authority, title, false))
            return;
        last = list;
    }
    if (last != NULL)
        (void)judge_list(j, last, authority, title, true);
    else
        add_list(j, "crl-missing", SEVERITY_STALE,
            "add the CA's list: one more crl = FILE", title,
            "is missing, while there is one of another CA");
}

static void judge_authority(const struct trust_judgement *j, X509 *authority)
{
    const size_t before = j->findings->count;
    const bool self_signed = certificate_is_self_signed(authority);
    char title[TITLE_MAX], fact[TITLE_MAX];
    int error;

    certificate_title(authority, title, sizeof(title));
    judge_dates(j, authority, title);
    if (X509_check_ca(authority) == 0)
        findings_add(j->findings, "ca-is-no-ca", SEVERITY_WARNING, j->ca_file,
            self_signed ? j->effect_of_leaf : j->effect_of_other, j->remedy_of_leaf,
            "the certificate of %s in it is not a CA's", title);
    else if (!self_signed && !has_issuer(j, authority))
        add_ca(j, "ca-without-root", SEVERITY_STALE,
            "add the certificates up to the root: cat root.pem >> FILE", title,
            "was issued by another one that is not in the file");
    else if (sk_X509_CRL_num(j->trust->lists) > 0)
        judge_lists_of(j, authority, title);
    if (j->findings->count > before)
        return;
    error = verify(j, authority);
    if (error == X509_V_OK)
        return;
    (void)snprintf(fact, sizeof(fact), "does not pass verification: %s",
        X509_verify_cert_error_string(error));
    add_ca(j, "ca-unusable", SEVERITY_STALE, new_ca, title, fact);
}

static void judge_stray_lists(const struct trust_judgement *j)
{
    for (int i = 0; i < sk_X509_CRL_num(j->trust->lists); i++) {
        const X509_CRL *list = sk_X509_CRL_value(j->trust->lists, i);
        bool known = false;
        char issuer[TITLE_MAX];

        for (int k = 0; k < sk_X509_num(j->trust->authorities); k++)
            known = known || is_of(list, sk_X509_value(j->trust->authorities, k));
        if (known)
            continue;
        name_text(X509_CRL_get_issuer(list), issuer, sizeof(issuer));
        findings_add(j->findings, "crl-of-another-issuer", SEVERITY_WARNING, j->crl_file,
            "it revokes nothing here", "is it the right file, or has ca the wrong one?",
            "there is a revocation list of %s, which ca does not have", issuer);
    }
}

void judge_trust(const struct service_settings *service, const char *ca_pem,
    const char *crl_pem, time_t now, struct findings *findings)
{
    struct trust trust;
    struct error ignored;
    const struct trust_judgement j = {
        .trust = &trust,
        .ca_file = service->ca,
        .crl_file = service->crl.count == 1 ? service->crl.items[0] : NULL,
        .effect = "clients with a certificate of this CA are turned away",
        .effect_of_leaf = "only a client that shows this very certificate is let in",
        .effect_of_other = "it lets nobody in",
        .remedy_of_leaf = "name the certificate of the CA that issued the clients' "
                          "certificates; for single ones: verify_pins",
        .now = now,
        .findings = findings,
    };

    if (service->verify == VERIFY_OFF ||
        !trust_parse(&trust, NULL, ca_pem, crl_pem, &ignored))
        return;
    for (int i = 0; i < sk_X509_num(trust.authorities); i++)
        judge_authority(&j, sk_X509_value(trust.authorities, i));
    judge_stray_lists(&j);
    trust_destroy(&trust);
}

void judge_backend_trust(const struct service_settings *service, const char *ca_pem,
    time_t now, struct findings *findings)
{
    struct trust trust;
    struct error ignored;
    const struct trust_judgement j = {
        .trust = &trust,
        .ca_file = service->backend_ca,
        .effect = "backends with a certificate of this CA are refused",
        .effect_of_leaf = "only a backend that shows this very certificate is accepted",
        .effect_of_other = "no backend is accepted by it",
        .remedy_of_leaf = "name the certificate of the CA that issued the backends' "
                          "certificates; for single ones: backend_pins",
        .now = now,
        .findings = findings,
    };

    if (ca_pem == NULL || !trust_parse_backends(&trust, NULL, ca_pem, &ignored))
        return;
    for (int i = 0; i < sk_X509_num(trust.authorities); i++)
        judge_authority(&j, sk_X509_value(trust.authorities, i));
    trust_destroy(&trust);
}
