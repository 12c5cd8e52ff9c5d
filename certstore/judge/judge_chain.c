#include "certstore/judge/judge_chain.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/chain.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/judge/judge_certificate.h"
#include "config/remedy.h"

enum { TITLE_MAX = 160 };

static const char sort_remedy[] =
    "have it sorted and put in place, the leaf first: " COMMAND(
        "wlbproxy cert install FILE");

static bool fits_key(const struct cert_list *list, const EVP_PKEY *key, size_t at)
{
    EVP_PKEY *public_key = X509_get0_pubkey(list->certs[at]);

    return key != NULL && public_key != NULL && EVP_PKEY_eq(public_key, key) == 1;
}

/* Returns the certificate that the file is about: the key's own, else one that issued
 * none of the others and is no CA; `count` if there is none. */
static size_t find_leaf_after_first(const struct cert_list *list, const EVP_PKEY *key)
{
    for (size_t i = 1; i < list->count; i++) {
        if (fits_key(list, key, i))
            return i;
    }
    for (size_t i = 1; i < list->count; i++) {
        if (X509_check_ca(list->certs[i]) != 1 &&
            !chain_issues(list->certs, list->count, i))
            return i;
    }
    return list->count;
}

static void add_root_first(const struct cert_list *list, const struct judge_input *input,
    struct findings *findings, size_t leaf)
{
    char first[TITLE_MAX], title[TITLE_MAX];

    certificate_title(list->certs[0], first, sizeof(first));
    certificate_title(list->certs[leaf], title, sizeof(title));
    findings_add(findings,
        certificate_is_self_signed(list->certs[0]) ? "root-first" : "issuer-first",
        SEVERITY_REFUSED, input->cert_file,
        "the first certificate is the one that a server proves to own", sort_remedy,
        "the chain begins with the CA %s; the server's own certificate (%s) is number "
        "%zu, "
        "in line %zu",
        first, title, leaf + 1, list->lines[leaf]);
}

bool judge_find_leaf(struct cert_list *list, const EVP_PKEY *key,
    const struct judge_input *input, struct findings *findings)
{
    X509 *first = list->certs[0];
    size_t other;
    char title[TITLE_MAX];

    list->leaf = 0;
    if (list->count == 0)
        return false;
    if (fits_key(list, key, 0))
        return true;
    other = find_leaf_after_first(list, key);
    if (X509_check_ca(first) != 1 && !chain_issues(list->certs, list->count, 0))
        return true; /* a leaf; its key is judged elsewhere */
    if (other < list->count) {
        add_root_first(list, input, findings, other);
        list->leaf = other; /* judge that one too, so that one run shows all findings */
        return true;
    }
    if (key == NULL || certificate_is_self_signed(first))
        return true;
    certificate_title(first, title, sizeof(title));
    findings_add(findings, "no-leaf", SEVERITY_REFUSED, input->cert_file,
        "a CA's certificate does not say who this server is",
        "install it together with the server's own certificate: wlbproxy cert install "
        "LEAF FILE",
        "there are only certificates of CAs in it (%s%s)", title,
        list->count > 1 ? " and others" : "");
    return false;
}

static bool is_sorted(const struct cert_list *list, size_t at)
{
    for (size_t i = 0; i < list->sorted; i++) {
        if (list->order[i] == at)
            return true;
    }
    return false;
}

static void judge_left_out(const struct cert_list *list, const struct judge_input *input,
    struct findings *findings)
{
    char title[TITLE_MAX];

    for (size_t i = 0; i < list->count; i++) {
        certificate_title(list->certs[i], title, sizeof(title));
        if (chain_cross_signed(list->certs, i) != i)
            findings_add(findings, "duplicate", SEVERITY_NOTE, input->cert_file,
                "it is sent once", "remove the second one",
                "certificate %zu (%s) is the same as certificate %zu", i + 1, title,
                chain_cross_signed(list->certs, i) + 1);
        else if (!is_sorted(list, i))
            findings_add(findings, "unrelated", SEVERITY_WARNING, input->cert_file,
                "it is not sent: it does not help a client to verify the leaf",
                "remove it, or is it the chain that belongs to another certificate?",
                "certificate %zu (%s) did not issue any of those before it", i + 1,
                title);
    }
}

static void judge_order(const struct cert_list *list, const struct judge_input *input,
    struct findings *findings)
{
    for (size_t i = 1; i < list->sorted; i++) {
        if (list->order[i] > list->order[i - 1] || list->leaf != 0)
            continue;
        findings_add(findings, "unordered", SEVERITY_NOTE, input->cert_file,
            "they are sent in the order of the chain; stunnel would not sort them",
            sort_remedy,
            "the certificates after the leaf are not in the order of the chain");
        return;
    }
}

static bool issued_by_any(const struct cert_list *list, size_t at)
{
    for (size_t i = 0; i < list->count; i++) {
        if (certificate_issued(list->certs[i], list->certs[at]))
            return true;
    }
    return false;
}

/* Two certificates have one name and key, and different issuers: some clients need
 * each. */
static void judge_cross_signs(const struct cert_list *list,
    const struct judge_input *input, struct findings *findings)
{
    for (size_t a = 1; a < list->sorted; a++) {
        for (size_t b = a + 1; b < list->sorted; b++) {
            X509 *one = list->certs[list->order[a]], *two = list->certs[list->order[b]];
            char title[TITLE_MAX];

            if (X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(two)) !=
                0)
                continue;
            certificate_title(one, title, sizeof(title));
            findings_add(findings, "cross-signed", SEVERITY_NOTE, input->cert_file,
                "clients may know only one of the two issuers: both are sent", NULL,
                "there is more than one certificate of %s", title);
            return;
        }
    }
}

static void judge_top(const struct cert_list *list, const struct judge_input *input,
    struct findings *findings)
{
    char title[TITLE_MAX], issuer[TITLE_MAX];

    for (size_t i = 0; i < list->sorted; i++) {
        X509 *certificate = list->certs[list->order[i]];

        if (issued_by_any(list, list->order[i]))
            continue;
        certificate_title(certificate, title, sizeof(title));
        certificate_issuer(certificate, issuer, sizeof(issuer));
        if (i == 0)
            findings_add(findings, "missing-intermediate", SEVERITY_WARNING,
                input->cert_file,
                "a client that knows only the root cannot verify it; XenServer 8 with "
                "the root installed refuses it",
                "install it together with the CA's certificate: wlbproxy cert install "
                "FILE INTERMEDIATE",
                "the issuer of %s is not in the file (%s)", title, issuer);
        else
            findings_add(findings, "root-not-included", SEVERITY_NOTE, input->cert_file,
                "clients must have its issuer; if that is not a root they know, the "
                "chain is "
                "incomplete",
                NULL, "the chain ends with %s, issued by %s", title, issuer);
    }
}

/* An authority key identifier may name a key, or a serial number, that the issuer does
 * not have: the CA renewed its own certificate. The signature is right all the same. */
static bool names_another_issuer(X509 *certificate, X509 *issuer)
{
    int verdict = X509_check_issued(issuer, certificate);

    return verdict == X509_V_ERR_AKID_SKID_MISMATCH ||
        verdict == X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH;
}

static void judge_named_issuer(const struct cert_list *list,
    const struct judge_input *input, struct findings *findings, X509 *certificate)
{
    char title[TITLE_MAX], issuer[TITLE_MAX];
    bool passed_over = false;

    for (size_t i = 0; i < list->count; i++) {
        if (!certificate_issued(list->certs[i], certificate))
            continue;
        if (!names_another_issuer(certificate, list->certs[i]))
            return;
        passed_over = true;
    }
    if (!passed_over)
        return;
    certificate_title(certificate, title, sizeof(title));
    certificate_issuer(certificate, issuer, sizeof(issuer));
    findings_add(findings, "issuer-not-named", SEVERITY_WARNING, input->cert_file,
        "OpenSSL, and so XenServer, passes over an issuer that is not named there, and "
        "cannot verify the chain",
        "ask the CA for its certificate that is named there, or have this one issued "
        "again: wlbproxy cert request",
        "the authority key identifier of %s does not name the certificate of %s that is "
        "in the file",
        title, issuer);
}

static void judge_root(const struct cert_list *list, const struct judge_input *input,
    struct findings *findings)
{
    char title[TITLE_MAX];

    certificate_title(list->certs[list->leaf], title, sizeof(title));
    if (certificate_is_self_signed(list->certs[list->leaf]))
        findings_add(findings, "self-signed", SEVERITY_NOTE, input->cert_file,
            "XenServer verifies it only when this very certificate is installed in the "
            "pool",
            COMMAND("wlbproxy cert export-for-pool --cert FILE wlb-pool"),
            "the certificate of %s is self-signed", title);
    for (size_t i = 1; i < list->sorted; i++) {
        if (!certificate_is_self_signed(list->certs[list->order[i]]))
            continue;
        certificate_title(list->certs[list->order[i]], title, sizeof(title));
        findings_add(findings, "root-included", SEVERITY_NOTE, input->cert_file,
            input->send_root
                ? "it is sent, as the vendor's guide has it; clients do not need it"
                : "it is not sent (send_root = off)",
            NULL, "the file includes the root %s", title);
    }
}

void judge_chain(
    struct cert_list *list, const struct judge_input *input, struct findings *findings)
{
    list->sorted = chain_sort(list->certs, list->count, list->leaf, list->order);
    for (size_t i = 1; i < list->sorted; i++)
        judge_issuer(input, list->certs[list->order[i]], findings);
    judge_root(list, input, findings);
    judge_order(list, input, findings);
    judge_left_out(list, input, findings);
    judge_top(list, input, findings);
    for (size_t i = 0; i < list->sorted; i++)
        judge_named_issuer(list, input, findings, list->certs[list->order[i]]);
    judge_cross_signs(list, input, findings);
}
