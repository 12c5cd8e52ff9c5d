#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/chain.h"
#include "certstore/judge/judge_parts.h"

static const char sort_remedy[] =
    "have it sorted and put in place, the leaf first: " COMMAND(
        "wlbproxy cert install FILE");

static bool fits_key(const struct judgement *j, size_t at)
{
    EVP_PKEY *public_key = X509_get0_pubkey(j->certs[at]);

    return j->key != NULL && public_key != NULL && EVP_PKEY_eq(public_key, j->key) == 1;
}

/* The certificate that the file is about, wherever it stands: the key's own, else one
 * that issued none of the others and is no CA; `count` if there is none. */
static size_t find_leaf_after_first(const struct judgement *j)
{
    for (size_t i = 1; i < j->count; i++) {
        if (fits_key(j, i))
            return i;
    }
    for (size_t i = 1; i < j->count; i++) {
        if (X509_check_ca(j->certs[i]) != 1 && !chain_issues(j->certs, j->count, i))
            return i;
    }
    return j->count;
}

static void add_root_first(struct judgement *j, size_t leaf)
{
    char first[TITLE_MAX], title[TITLE_MAX];

    certificate_title(j->certs[0], first, sizeof(first));
    certificate_title(j->certs[leaf], title, sizeof(title));
    findings_add(j->findings,
        certificate_is_self_signed(j->certs[0]) ? "root-first" : "issuer-first",
        SEVERITY_REFUSED, j->input->cert_file,
        "the first certificate is the one that a server proves to own", sort_remedy,
        "the chain begins with the CA %s; the server's own certificate (%s) is number "
        "%zu, "
        "in line %zu",
        first, title, leaf + 1, j->lines[leaf]);
}

bool judge_find_leaf(struct judgement *j)
{
    X509 *first = j->certs[0];
    size_t other;
    char title[TITLE_MAX];

    j->leaf = 0;
    if (j->count == 0)
        return false;
    if (fits_key(j, 0))
        return true;
    other = find_leaf_after_first(j);
    if (X509_check_ca(first) != 1 && !chain_issues(j->certs, j->count, 0))
        return true; /* a leaf; what is wrong with the key is told there */
    if (other < j->count) {
        add_root_first(j, other);
        j->leaf = other; /* judge that one too: all in one go */
        return true;
    }
    if (j->key == NULL || certificate_is_self_signed(first))
        return true;
    certificate_title(first, title, sizeof(title));
    findings_add(j->findings, "no-leaf", SEVERITY_REFUSED, j->input->cert_file,
        "a CA's certificate does not say who this server is",
        "install it together with the server's own certificate: wlbproxy cert install "
        "LEAF "
        "FILE",
        "there are only certificates of CAs in it (%s%s)", title,
        j->count > 1 ? " and others" : "");
    return false;
}

static bool is_sorted(const struct judgement *j, size_t at)
{
    for (size_t i = 0; i < j->sorted; i++) {
        if (j->order[i] == at)
            return true;
    }
    return false;
}

static void judge_left_out(struct judgement *j)
{
    char title[TITLE_MAX];

    for (size_t i = 0; i < j->count; i++) {
        certificate_title(j->certs[i], title, sizeof(title));
        if (chain_cross_signed(j->certs, i) != i)
            findings_add(j->findings, "duplicate", SEVERITY_NOTE, j->input->cert_file,
                "it is sent once", "remove the second one",
                "certificate %zu (%s) is the same as certificate %zu", i + 1, title,
                chain_cross_signed(j->certs, i) + 1);
        else if (!is_sorted(j, i))
            findings_add(j->findings, "unrelated", SEVERITY_WARNING, j->input->cert_file,
                "it is not sent: it does not help a client to verify the leaf",
                "remove it, or is it the chain that belongs to another certificate?",
                "certificate %zu (%s) did not issue any of those before it", i + 1,
                title);
    }
}

static void judge_order(struct judgement *j)
{
    for (size_t i = 1; i < j->sorted; i++) {
        if (j->order[i] > j->order[i - 1] || j->leaf != 0)
            continue;
        findings_add(j->findings, "unordered", SEVERITY_NOTE, j->input->cert_file,
            "they are sent in the order of the chain; stunnel would not sort them",
            sort_remedy,
            "the certificates after the leaf are not in the order of the chain");
        return;
    }
}

static bool issued_by_any(const struct judgement *j, size_t at)
{
    for (size_t i = 0; i < j->count; i++) {
        if (certificate_issued(j->certs[i], j->certs[at]))
            return true;
    }
    return false;
}

/* Two certificates of one name and key, by different issuers: each is some client's way.
 */
static void judge_cross_signs(struct judgement *j)
{
    for (size_t a = 1; a < j->sorted; a++) {
        for (size_t b = a + 1; b < j->sorted; b++) {
            X509 *one = j->certs[j->order[a]], *two = j->certs[j->order[b]];
            char title[TITLE_MAX];

            if (X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(two)) !=
                0)
                continue;
            certificate_title(one, title, sizeof(title));
            findings_add(j->findings, "cross-signed", SEVERITY_NOTE, j->input->cert_file,
                "clients may know only one of the two issuers: both are sent", NULL,
                "there is more than one certificate of %s", title);
            return;
        }
    }
}

static void judge_top(struct judgement *j)
{
    char title[TITLE_MAX], issuer[TITLE_MAX];

    for (size_t i = 0; i < j->sorted; i++) {
        X509 *certificate = j->certs[j->order[i]];

        if (issued_by_any(j, j->order[i]))
            continue;
        certificate_title(certificate, title, sizeof(title));
        certificate_issuer(certificate, issuer, sizeof(issuer));
        if (i == 0)
            findings_add(j->findings, "missing-intermediate", SEVERITY_WARNING,
                j->input->cert_file,
                "a client that knows only the root cannot verify it; XenServer 8 with "
                "the "
                "root installed refuses it",
                "install it together with the CA's certificate: wlbproxy cert install "
                "FILE INTERMEDIATE",
                "the issuer of %s is not in the file (%s)", title, issuer);
        else
            findings_add(j->findings, "root-not-included", SEVERITY_NOTE,
                j->input->cert_file,
                "clients must have its issuer; if that is not a root they know, the "
                "chain is "
                "incomplete",
                NULL, "the chain ends with %s, issued by %s", title, issuer);
    }
}

static void judge_root(struct judgement *j)
{
    char title[TITLE_MAX];

    certificate_title(j->certs[j->leaf], title, sizeof(title));
    if (certificate_is_self_signed(j->certs[j->leaf]))
        findings_add(j->findings, "self-signed", SEVERITY_NOTE, j->input->cert_file,
            "XenServer verifies it only when this very certificate is installed in the "
            "pool",
            COMMAND("wlbproxy cert export-for-pool --cert FILE wlb-pool"),
            "the certificate of %s is self-signed", title);
    for (size_t i = 1; i < j->sorted; i++) {
        if (!certificate_is_self_signed(j->certs[j->order[i]]))
            continue;
        certificate_title(j->certs[j->order[i]], title, sizeof(title));
        findings_add(j->findings, "root-included", SEVERITY_NOTE, j->input->cert_file,
            j->input->send_root
                ? "it is sent, as the vendor's guide has it; clients do not need it"
                : "it is not sent (send_root = off)",
            NULL, "the file includes the root %s", title);
    }
}

void judge_chain(struct judgement *j)
{
    j->sorted = chain_sort(j->certs, j->count, j->leaf, j->order);
    for (size_t i = 1; i < j->sorted; i++)
        judge_issuer(j, j->certs[j->order[i]]);
    judge_root(j);
    judge_order(j);
    judge_left_out(j);
    judge_top(j);
    judge_cross_signs(j);
}
