#include "certstore/judge/judge_certificate.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/tls1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/judge/xenserver.h"
#include "config/remedy.h"

enum { DAY = 24 * 3600, LONGEST_DAYS = 825, TITLE_MAX = 160 };

static const char renew[] =
    COMMAND("wlbproxy cert request") ", have it signed, and then: "
                                     "wlbproxy cert install ANSWER";

/* Judges the uses of a key in TLS, and its cost. */
static void judge_rsa(const struct judge_input *input, struct findings *findings,
    const char *whose, EVP_PKEY *key, enum severity large)
{
    int bits = EVP_PKEY_get_bits(key);

    if (bits < 2048)
        findings_add(findings, "key-too-small", SEVERITY_REFUSED, input->cert_file,
            "keys under 2048 bits can be broken; no current client accepts them",
            "make a new request (RSA 2048): " COMMAND("wlbproxy cert request"),
            "%s has an RSA key of %d bits", whose, bits);
    else if (bits > 8192)
        findings_add(findings, "key-too-large", large, input->cert_file,
            "each handshake would cost a good part of a second; XenServer's own limit is "
            "4096 bits",
            "make a new request (RSA 2048): " COMMAND("wlbproxy cert request"),
            "%s has an RSA key of %d bits", whose, bits);
    else if (bits > 4096)
        findings_add(findings, "key-large", SEVERITY_WARNING, input->cert_file,
            "it makes every handshake slow; XenServer's own limit is 4096 bits",
            "an RSA key of 2048 or 3072 bits is as good here",
            "%s has an RSA key of %d bits", whose, bits);
}

static bool is_explicit(const EVP_PKEY *key)
{
    int written_out = 0;

    return EVP_PKEY_get_int_param(
               key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &written_out) == 1 &&
        written_out == 1;
}

static void judge_curve(const struct judge_input *input, struct findings *findings,
    const char *whose, EVP_PKEY *key, bool leaf)
{
    char name[32];

    key_describe(key, name, sizeof(name));
    if (is_explicit(key))
        findings_add(findings, "explicit-curve",
            leaf ? SEVERITY_REFUSED : SEVERITY_WARNING, input->cert_file,
            "TLS and RFC 5480 (section 2.1.1) want a curve by its name; OpenSSL refuses "
            "a chain with such a key, and so does XenServer",
            "make a new request: wlbproxy cert request",
            "%s has an EC key with the curve's parameters written out", whose);
    else if (strcmp(name, "EC unnamed curve") == 0)
        findings_add(findings, "unnamed-curve", SEVERITY_REFUSED, input->cert_file,
            "TLS needs a curve by its name (RFC 8422 section 5.1.1)",
            "make a new request: " COMMAND("wlbproxy cert request"),
            "%s has an EC key on a curve without a name", whose);
    else if (EVP_PKEY_get_security_bits(key) < 112)
        findings_add(findings, "key-too-small", SEVERITY_REFUSED, input->cert_file,
            "such curves can be broken; no current client accepts them",
            "make a new request: " COMMAND("wlbproxy cert request"),
            "%s has an %s key, too weak for TLS", whose, name);
    else if (leaf && strcmp(name, "EC P-256") != 0 && strcmp(name, "EC P-384") != 0 &&
        strcmp(name, "EC P-521") != 0)
        findings_add(findings, "unusual-curve", SEVERITY_REFUSED, input->cert_file,
            "TLS 1.3 has no place for it, and OpenSSL, GnuTLS, Java, Go and browsers do "
            "not offer it in 1.2: nearly all handshakes would fail",
            "make a new request (RSA 2048, or P-256): " COMMAND("wlbproxy cert request"),
            "%s has an %s key", whose, name);
}

static void judge_strength(const struct judge_input *input, struct findings *findings,
    X509 *certificate, const char *whose, bool leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    char kind[32];

    key_describe(key, kind, sizeof(kind));
    if (key != NULL && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")))
        judge_rsa(
            input, findings, whose, key, leaf ? SEVERITY_REFUSED : SEVERITY_WARNING);
    else if (key != NULL && EVP_PKEY_is_a(key, "EC"))
        judge_curve(input, findings, whose, key, leaf);
    else if (key != NULL && EVP_PKEY_is_a(key, "DSA"))
        findings_add(findings, "dsa", SEVERITY_REFUSED, input->cert_file,
            "no current client accepts DSA",
            "make a new request: " COMMAND("wlbproxy cert request"), "%s has a DSA key",
            whose);
    else if (key == NULL ||
        (!EVP_PKEY_is_a(key, "ED25519") && !EVP_PKEY_is_a(key, "ED448")))
        findings_add(findings, "key-unknown", SEVERITY_REFUSED, input->cert_file,
            "this OpenSSL cannot use it in TLS",
            "make a new request: " COMMAND("wlbproxy cert request"), "%s has a key %s",
            whose, kind);
    if (leaf && key != NULL && EVP_PKEY_is_a(key, "RSA-PSS"))
        findings_add(findings, "rsa-pss", SEVERITY_WARNING, input->cert_file,
            "OpenSSL, GnuTLS and Java take a key restricted to RSA-PSS; Go, rustls, NSS, "
            "Mbed TLS and others refuse it",
            "make a new request with a plain RSA key: " COMMAND("wlbproxy cert request"),
            "%s has an RSA-PSS key", whose);
}

static void add(const struct judge_input *input, struct findings *findings,
    const char *id, enum severity severity, const char *why, const char *remedy,
    const char *fact)
{
    findings_add(findings, id, severity, input->cert_file, why, remedy, "%s", fact);
}

static void judge_expiry(const struct judge_input *input, struct findings *findings,
    const char *title, time_t not_after)
{
    long days = (long)((not_after - input->now) / DAY);
    char date[32];

    certificate_date(not_after, date, sizeof(date));
    if (not_after < input->now)
        findings_add(findings, "expired", SEVERITY_STALE, input->cert_file,
            "XenServer refuses it when it verifies certificates, and so do browsers",
            renew, "the certificate of %s expired on %s", title, date);
    else if (days < 30)
        findings_add(findings, "expiring", SEVERITY_WARNING, input->cert_file,
            "once it has expired XenServer refuses it", renew,
            "the certificate of %s expires in %ld day%s, on %s", title, days,
            days == 1 ? "" : "s", date);
}

static void judge_validity(const struct judge_input *input, struct findings *findings,
    X509 *leaf, const char *title)
{
    time_t not_before = certificate_not_before(leaf);
    time_t not_after = certificate_not_after(leaf);
    long days = (long)((not_after - not_before) / DAY);
    char date[32];

    certificate_date(not_before, date, sizeof(date));
    if (not_before > input->now)
        findings_add(findings, "not-yet-valid", SEVERITY_STALE, input->cert_file,
            "clients refuse it until then",
            "check this machine's clock, or wait until then: " COMMAND("date -u"),
            "the certificate of %s is not valid before %s", title, date);
    judge_expiry(input, findings, title, not_after);
    if (days > LONGEST_DAYS)
        findings_add(findings, "long-lived", SEVERITY_NOTE, input->cert_file,
            "XenServer does not mind; Apple's clients refuse more than 825 days, "
            "browsers more than 398 from public CAs",
            "ask for one year: " COMMAND("wlbproxy cert request"),
            "the certificate of %s is valid for %ld days", title, days);
}

/* OpenSSL refuses a weak digest at level 2, except in a self-signed certificate, which is
 * compared with the installed one, not verified. */
static void judge_signature(const struct judge_input *input, struct findings *findings,
    X509 *certificate, const char *whose)
{
    int digest = NID_undef, bits = 0;
    const bool self_signed = certificate_is_self_signed(certificate);

    if (X509_get_signature_info(certificate, &digest, NULL, &bits, NULL) != 1 ||
        bits >= 112 || digest == NID_undef)
        return;
    findings_add(findings, digest == NID_sha1 ? "sha1" : "md5",
        self_signed ? SEVERITY_NOTE : SEVERITY_REFUSED, input->cert_file,
        self_signed
            ? "XenServer does not mind, for it is its own; scanners and some clients do"
            : "such signatures can be forged: XenServer refuses them when it verifies",
        "have it issued again with SHA-256", "%s is signed with %s", whose,
        digest == NID_sha1 ? "SHA-1" : OBJ_nid2sn(digest));
    ERR_clear_error();
}

static void judge_purpose(
    const struct judge_input *input, struct findings *findings, X509 *leaf)
{
    uint32_t usage = X509_get_extended_key_usage(leaf);

    if (X509_check_ca(leaf) == 1 && certificate_is_self_signed(leaf))
        add(input, findings, "self-signed-ca", SEVERITY_NOTE,
            "XenServer accepts it once it is installed in the pool; other clients may "
            "not",
            "wlbproxy cert create makes one that is no CA",
            "the certificate is a self-signed CA and server certificate in one");
    else if (X509_check_ca(leaf) == 1)
        add(input, findings, "ca-as-leaf", SEVERITY_WARNING,
            "clients may refuse a CA's certificate as a server's, and whoever takes the "
            "key can issue certificates",
            "serve a certificate made for this host: wlbproxy cert request",
            "the first certificate is a CA's own");
    if ((X509_get_extension_flags(leaf) & EXFLAG_INVALID) != 0)
        return; /* OpenSSL tells no usage of it; judge_extensions() tells this */
    if (usage != UINT32_MAX && (usage & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
        add(input, findings, "wrong-usage", SEVERITY_WARNING,
            "XenServer and all other clients that verify refuse it",
            "have it issued again as a server certificate: wlbproxy cert request",
            "the certificate's extended key usage does not include serverAuth");
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
        add(input, findings, "wrong-key-usage", SEVERITY_WARNING,
            "handshakes are signed with this key; strict clients refuse it",
            "have it issued again as a server certificate: wlbproxy cert request",
            "the certificate's key usage does not include digitalSignature");
}

/* RFC 7633: the extensions of TLS that a server with this certificate must offer. */
static bool must_staple(X509 *leaf)
{
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    bool must = false;

    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
        must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
            TLSEXT_TYPE_status_request;
    TLS_FEATURE_free(features);
    return must;
}

static void judge_features(
    const struct judge_input *input, struct findings *findings, X509 *leaf)
{
    if (must_staple(leaf))
        add(input, findings, "must-staple", SEVERITY_WARNING,
            "wlbproxy sends no OCSP response: browsers and GnuTLS refuse the certificate "
            "without one; XenServer does not look",
            "have it issued again without the TLS feature: wlbproxy cert request",
            "the certificate says that an OCSP response comes with it (must-staple)");
}

/* RFC 5280 4.2: a certificate with a critical extension that is unknown, or cannot be
 * read, must be refused. */
static void judge_extensions(const struct judge_input *input, struct findings *findings,
    X509 *certificate, const char *whose)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    char name[80];

    if ((flags & EXFLAG_INVALID) != 0)
        findings_add(findings, "bad-extension", SEVERITY_WARNING, input->cert_file,
            "clients that verify refuse it", renew,
            "%s has an extension that cannot be read", whose);
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);

        if (X509_EXTENSION_get_critical(extension) != 1 ||
            X509_supported_extension(extension) == 1)
            continue;
        (void)OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(extension), 0);
        findings_add(findings, "critical-extension", SEVERITY_WARNING, input->cert_file,
            "clients that verify must refuse what they do not know: XenServer does",
            "ask the CA for a certificate without it, or with it not critical",
            "%s has the critical extension %s, which OpenSSL does not know", whose, name);
    }
}

/* Judges each of its names by XenServer's host rule. */
static void judge_host_rule(
    const struct judge_input *input, struct findings *findings, X509 *leaf)
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
    findings_add(findings, "no-usable-name", SEVERITY_WARNING, input->cert_file,
        "XenServer compares the host of its WLB URL with DNS names, else with the CN; "
        "never with IP names",
        renew, "XenServer can match no name of the certificate: %s", reason);
}

static void judge_names(const struct judge_input *input, struct findings *findings,
    X509 *leaf, const char *title)
{
    char names[512];

    certificate_names(leaf, names, sizeof(names));
    if (names[0] == '\0')
        add(input, findings, "no-name", SEVERITY_WARNING,
            "no client that verifies can match it", renew,
            "the certificate has neither a CN nor a subject alternative name");
    else if (!certificate_has_dns_name(leaf))
        findings_add(findings, "no-dns-name", SEVERITY_NOTE, input->cert_file,
            "XenServer goes by the CN then; browsers, curl and Java do not", renew,
            "the certificate of %s has no DNS name, only %s", title, names);
    if (names[0] == '*' && names[1] == '.')
        findings_add(findings, "wildcard", SEVERITY_NOTE, input->cert_file,
            "XenServer accepts it; whoever has its key can pose as any host of the "
            "domain",
            "a certificate for this host alone: " COMMAND("wlbproxy cert request"),
            "it is a wildcard certificate (%s)", names);
}

void judge_leaf(const struct judge_input *input, X509 *leaf, struct findings *findings)
{
    char title[TITLE_MAX], whose[TITLE_MAX + 32];

    certificate_title(leaf, title, sizeof(title));
    (void)snprintf(whose, sizeof(whose), "the certificate of %s", title);
    judge_strength(input, findings, leaf, whose, true);
    judge_signature(input, findings, leaf, whose);
    judge_validity(input, findings, leaf, title);
    judge_purpose(input, findings, leaf);
    judge_features(input, findings, leaf);
    judge_extensions(input, findings, leaf, whose);
    judge_names(input, findings, leaf, title);
    judge_host_rule(input, findings, leaf);
}

void judge_issuer(
    const struct judge_input *input, X509 *issuer, struct findings *findings)
{
    char title[TITLE_MAX], whose[TITLE_MAX + 32], date[32];
    time_t not_after = certificate_not_after(issuer);

    certificate_title(issuer, title, sizeof(title));
    (void)snprintf(whose, sizeof(whose), "the CA certificate of %s", title);
    judge_strength(input, findings, issuer, whose, false);
    judge_signature(input, findings, issuer, whose);
    judge_extensions(input, findings, issuer, whose);
    if (certificate_not_before(issuer) > input->now) {
        certificate_date(certificate_not_before(issuer), date, sizeof(date));
        findings_add(findings, "issuer-not-yet-valid", SEVERITY_WARNING, input->cert_file,
            "chains over it are refused until then",
            "check this machine's clock (date -u), or get the CA's current certificate",
            "%s is not valid before %s", whose, date);
    }
    certificate_date(not_after, date, sizeof(date));
    if (not_after < input->now)
        findings_add(findings, "issuer-expired", SEVERITY_WARNING, input->cert_file,
            "a chain over it is refused by XenServer when it verifies",
            "get the CA's current certificate and put it in its place",
            "%s expired on %s", whose, date);
    else if (not_after < input->now + 30L * DAY)
        findings_add(findings, "issuer-expiring", SEVERITY_WARNING, input->cert_file,
            "once it has expired, chains over it are refused",
            "get the CA's new certificate and put it in its place", "%s expires on %s",
            whose, date);
    if (X509_check_ca(issuer) == 0)
        findings_add(findings, "issuer-no-ca", SEVERITY_WARNING, input->cert_file,
            "clients that verify refuse what it issued", "ask the CA for the right one",
            "%s issued another one, but is not a CA's", whose);
}
