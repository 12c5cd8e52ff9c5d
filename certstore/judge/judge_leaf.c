#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/judge/judge_parts.h"
#include "certstore/judge/xenserver.h"

enum { DAY = 24 * 3600, LONGEST_DAYS = 825 };

static const char renew[] =
    COMMAND("wlbproxy cert request") ", have it signed, and then: "
                                     "wlbproxy cert install ANSWER";

static void add(struct judgement *j, const char *id, enum severity severity,
    const char *why, const char *remedy, const char *fact)
{
    findings_add(j->findings, id, severity, j->input->cert_file, why, remedy, "%s", fact);
}

static void judge_expiry(struct judgement *j, const char *title, time_t not_after)
{
    long days = (long)((not_after - j->input->now) / DAY);
    char date[32];

    certificate_date(not_after, date, sizeof(date));
    if (not_after < j->input->now)
        findings_add(j->findings, "expired", SEVERITY_STALE, j->input->cert_file,
            "XenServer refuses it when it verifies certificates, and so do browsers",
            renew, "the certificate of %s expired on %s", title, date);
    else if (days < 30)
        findings_add(j->findings, "expiring", SEVERITY_WARNING, j->input->cert_file,
            "once it has expired XenServer refuses it", renew,
            "the certificate of %s expires in %ld day%s, on %s", title, days,
            days == 1 ? "" : "s", date);
}

static void judge_validity(struct judgement *j, const char *title)
{
    X509 *leaf = j->certs[j->leaf];
    time_t not_before = certificate_not_before(leaf);
    time_t not_after = certificate_not_after(leaf);
    long days = (long)((not_after - not_before) / DAY);
    char date[32];

    certificate_date(not_before, date, sizeof(date));
    if (not_before > j->input->now)
        findings_add(j->findings, "not-yet-valid", SEVERITY_STALE, j->input->cert_file,
            "clients refuse it until then",
            "check this machine's clock, or wait until then: " COMMAND("date -u"),
            "the certificate of %s is not valid before %s", title, date);
    judge_expiry(j, title, not_after);
    if (days > LONGEST_DAYS)
        findings_add(j->findings, "long-lived", SEVERITY_NOTE, j->input->cert_file,
            "XenServer does not mind; Apple's clients refuse more than 825 days, "
            "browsers "
            "more than 398 from public CAs",
            "ask for one year: " COMMAND("wlbproxy cert request"),
            "the certificate of %s is valid for %ld days", title, days);
}

/* OpenSSL refuses a weak digest at level 2, except on what signed itself: that is
 * compared with what is installed, not verified. */
static void judge_signature(struct judgement *j, X509 *certificate, const char *whose)
{
    int digest = NID_undef, bits = 0;
    const bool self_signed = certificate_is_self_signed(certificate);

    if (X509_get_signature_info(certificate, &digest, NULL, &bits, NULL) != 1 ||
        bits >= 112 || digest == NID_undef)
        return;
    findings_add(j->findings, digest == NID_sha1 ? "sha1" : "md5",
        self_signed ? SEVERITY_NOTE : SEVERITY_REFUSED, j->input->cert_file,
        self_signed
            ? "XenServer does not mind, for it is its own; scanners and some clients do"
            : "such signatures can be forged: XenServer refuses them when it verifies",
        "have it issued again with SHA-256", "%s is signed with %s", whose,
        digest == NID_sha1 ? "SHA-1" : OBJ_nid2sn(digest));
    ERR_clear_error();
}

static void judge_purpose(struct judgement *j, X509 *leaf)
{
    uint32_t usage = X509_get_extended_key_usage(leaf);

    if (X509_check_ca(leaf) == 1 && certificate_is_self_signed(leaf))
        add(j, "self-signed-ca", SEVERITY_NOTE,
            "XenServer accepts it once it is installed in the pool; other clients may "
            "not",
            "wlbproxy cert create makes one that is no CA",
            "the certificate is a self-signed CA and server certificate in one");
    else if (X509_check_ca(leaf) == 1)
        add(j, "ca-as-leaf", SEVERITY_WARNING,
            "clients may refuse a CA's certificate as a server's, and whoever takes the "
            "key "
            "can issue certificates",
            "serve a certificate made for this host: wlbproxy cert request",
            "the first certificate is a CA's own");
    if (usage != UINT32_MAX && (usage & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
        add(j, "wrong-usage", SEVERITY_WARNING,
            "XenServer and all other clients that verify refuse it",
            "have it issued again as a server certificate: wlbproxy cert request",
            "the certificate's extended key usage does not include serverAuth");
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
        add(j, "wrong-key-usage", SEVERITY_WARNING,
            "handshakes are signed with this key; strict clients refuse it",
            "have it issued again as a server certificate: wlbproxy cert request",
            "the certificate's key usage does not include digitalSignature");
}

/* RFC 5280 4.2: a certificate with a critical extension that is not known, or cannot be
 * read, is to be refused. */
static void judge_extensions(struct judgement *j, X509 *certificate, const char *whose)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    char name[80];

    if ((flags & EXFLAG_INVALID) != 0)
        findings_add(j->findings, "bad-extension", SEVERITY_WARNING, j->input->cert_file,
            "clients that verify refuse it", renew,
            "%s has an extension that cannot be read", whose);
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);

        if (X509_EXTENSION_get_critical(extension) != 1 ||
            X509_supported_extension(extension) == 1)
            continue;
        (void)OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(extension), 0);
        findings_add(j->findings, "critical-extension", SEVERITY_WARNING,
            j->input->cert_file,
            "clients that verify must refuse what they do not know: XenServer does",
            "ask the CA for a certificate without it, or with it not critical",
            "%s has the critical extension %s, which OpenSSL does not know", whose, name);
    }
}

/* XenServer's host rule, for each of its names. */
static void judge_host_rule(struct judgement *j, X509 *leaf)
{
    char names[512], reason[320], *rest = names, *name;

    xenserver_names(leaf, names, sizeof(names));
    while ((name = strsep(&rest, ",")) != NULL) {
        char address[520];

        xenserver_name_to_ask(name, address, sizeof(address));
        if (*name == '\0' ||
            xenserver_host_matches(leaf, address, reason, sizeof(reason)))
            return;
    }
    findings_add(j->findings, "no-usable-name", SEVERITY_WARNING, j->input->cert_file,
        "XenServer compares the host of its WLB URL with DNS names, else with the CN; "
        "never with IP names",
        renew, "XenServer can match no name of the certificate: %s", reason);
}

static void judge_names(struct judgement *j, X509 *leaf, const char *title)
{
    char names[512];

    certificate_names(leaf, names, sizeof(names));
    if (names[0] == '\0')
        add(j, "no-name", SEVERITY_WARNING, "no client that verifies can match it", renew,
            "the certificate has neither a CN nor a subject alternative name");
    else if (!certificate_has_dns_name(leaf))
        findings_add(j->findings, "no-dns-name", SEVERITY_NOTE, j->input->cert_file,
            "XenServer goes by the CN then; browsers, curl and Java do not", renew,
            "the certificate of %s has no DNS name, only %s", title, names);
    if (names[0] == '*' && names[1] == '.')
        findings_add(j->findings, "wildcard", SEVERITY_NOTE, j->input->cert_file,
            "XenServer accepts it; whoever has its key can pose as any host of the "
            "domain",
            "a certificate for this host alone: " COMMAND("wlbproxy cert request"),
            "it is a wildcard certificate (%s)", names);
}

void judge_leaf(struct judgement *j)
{
    X509 *leaf = j->certs[j->leaf];
    char title[TITLE_MAX], whose[TITLE_MAX + 32];

    certificate_title(leaf, title, sizeof(title));
    (void)snprintf(whose, sizeof(whose), "the certificate of %s", title);
    judge_strength(j, leaf, whose);
    judge_signature(j, leaf, whose);
    judge_validity(j, title);
    judge_purpose(j, leaf);
    judge_extensions(j, leaf, whose);
    judge_names(j, leaf, title);
    judge_host_rule(j, leaf);
}

void judge_issuer(struct judgement *j, X509 *issuer)
{
    char title[TITLE_MAX], whose[TITLE_MAX + 32], date[32];
    time_t not_after = certificate_not_after(issuer);

    certificate_title(issuer, title, sizeof(title));
    (void)snprintf(whose, sizeof(whose), "the CA certificate of %s", title);
    judge_strength(j, issuer, whose);
    judge_signature(j, issuer, whose);
    judge_extensions(j, issuer, whose);
    if (certificate_not_before(issuer) > j->input->now) {
        certificate_date(certificate_not_before(issuer), date, sizeof(date));
        findings_add(j->findings, "issuer-not-yet-valid", SEVERITY_WARNING,
            j->input->cert_file, "chains over it are refused until then",
            "check this machine's clock (date -u), or get the CA's current certificate",
            "%s is not valid before %s", whose, date);
    }
    certificate_date(not_after, date, sizeof(date));
    if (not_after < j->input->now)
        findings_add(j->findings, "issuer-expired", SEVERITY_WARNING, j->input->cert_file,
            "a chain over it is refused by XenServer when it verifies",
            "get the CA's current certificate and put it in its place",
            "%s expired on %s", whose, date);
    else if (not_after < j->input->now + 30L * DAY)
        findings_add(j->findings, "issuer-expiring", SEVERITY_WARNING,
            j->input->cert_file, "once it has expired, chains over it are refused",
            "get the CA's new certificate and put it in its place", "%s expires on %s",
            whose, date);
    if (X509_check_ca(issuer) == 0)
        findings_add(j->findings, "issuer-no-ca", SEVERITY_WARNING, j->input->cert_file,
            "clients that verify refuse what it issued", "ask the CA for the right one",
            "%s issued another one, but is not a CA's", whose);
}
