#include "certstore/install/arrange.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/chain.h"
#include "certstore/finding.h"
#include "certstore/read/pem_text.h"
#include "config/remedy.h"

enum { TITLE_MAX = 160 };

static const struct collected *certificate_at(const struct collection *from, size_t i)
{
    return collection_get(from, COLLECTED_CERTIFICATE, i);
}

static bool fits(X509 *certificate, const EVP_PKEY *key)
{
    EVP_PKEY *public_key = X509_get0_pubkey(certificate);

    return public_key != NULL && EVP_PKEY_eq(public_key, key) == 1;
}

static bool is_newer(const X509 *a, const X509 *b)
{
    time_t first = certificate_not_before(a), second = certificate_not_before(b);

    return first != second ? first > second
                           : certificate_not_after(a) > certificate_not_after(b);
}

/* NULL if there is none. */
static const struct collected *newest_of_key(
    const struct collection *fresh, const EVP_PKEY *key)
{
    const struct collected *one, *found = NULL;

    for (size_t i = 0; (one = certificate_at(fresh, i)) != NULL; i++) {
        if (fits(one->certificate, key) &&
            (found == NULL || is_newer(one->certificate, found->certificate)))
            found = one;
    }
    return found;
}

static const struct collected *key_at(
    const struct collection *fresh, const struct collection *known, size_t i)
{
    size_t first = collection_count(fresh, COLLECTED_KEY);

    return i < first ? collection_get(fresh, COLLECTED_KEY, i)
                     : collection_get(known, COLLECTED_KEY, i - first);
}

static const struct collected *find_leaf(const struct collection *fresh,
    const struct collection *known, const struct collected **key)
{
    const struct collected *leaf = NULL;

    for (size_t i = 0; leaf == NULL; i++) {
        *key = key_at(fresh, known, i);
        if (*key == NULL)
            return NULL;
        leaf = newest_of_key(fresh, (*key)->key);
    }
    return leaf;
}

/* Returns the certificate that a person would call the server's; NULL: there are only
 * CAs. */
static const struct collected *end_entity(const struct collection *fresh)
{
    const struct collected *one;

    for (size_t i = 0; (one = certificate_at(fresh, i)) != NULL; i++) {
        if (X509_check_ca(one->certificate) != 1)
            return one;
    }
    return NULL;
}

static void list_keys(const struct collection *fresh, const struct collection *known,
    char *text, size_t size)
{
    const struct collected *one;
    size_t len = 0;

    snprintf(text, size, "nothing, for there is no key");
    for (size_t i = 0; (one = key_at(fresh, known, i)) != NULL && len < size; i++) {
        char kind[32];

        key_describe(one->key, kind, sizeof(kind));
        len += (size_t)snprintf(
            text + len, size - len, "%s%s (%s)", i > 0 ? ", " : "", one->file, kind);
    }
}

static bool add_no_leaf(const struct collection *fresh, const struct collection *known,
    struct findings *findings)
{
    const struct collected *leaf = end_entity(fresh), *any = certificate_at(fresh, 0);
    char title[TITLE_MAX], keys[512];

    if (any == NULL) {
        findings_add(findings, "no-certificate", SEVERITY_REFUSED, NULL,
            "a server shows its certificate to every client",
            "name the file that the CA sent", "there is no certificate in these files");
        return false;
    }
    if (leaf == NULL) {
        findings_add(findings, "no-leaf", SEVERITY_REFUSED, any->file,
            "a CA's certificate does not say who this server is",
            "name the file with the server's own certificate, too",
            "there are only certificates of CAs in it");
        return false;
    }
    list_keys(fresh, known, keys, sizeof(keys));
    certificate_title(leaf->certificate, title, sizeof(title));
    findings_add(findings, "key-not-found", SEVERITY_REFUSED, leaf->file,
        "with another certificate's key no handshake can be signed",
        "name the key that the request was made with: --key KEYFILE; if it is lost, make "
        "a new request and have it signed: " COMMAND("wlbproxy cert request"),
        "no key belongs to the certificate of %s; looked at: %s", title, keys);
    return false;
}

static void tell_left_out(const struct collection *fresh,
    const struct arrangement *arrangement, struct findings *findings)
{
    const struct collected *one;

    for (size_t i = 0; (one = certificate_at(fresh, i)) != NULL; i++) {
        char title[TITLE_MAX];
        bool sent = false;

        for (size_t k = 0; k < arrangement->count && !sent; k++)
            sent = X509_cmp(arrangement->sent[k]->certificate, one->certificate) == 0;
        if (sent)
            continue;
        certificate_title(one->certificate, title, sizeof(title));
        findings_add(findings, "left-out", SEVERITY_NOTE, one->file,
            "it is not of the chain of this server's certificate", NULL,
            "the certificate of %s is left out", title);
    }
}

static bool has(const struct collection *collection, const X509 *certificate)
{
    const struct collected *one;

    for (size_t i = 0; (one = certificate_at(collection, i)) != NULL; i++) {
        if (X509_cmp(one->certificate, certificate) == 0)
            return true;
    }
    return false;
}

static void tell_kept(const struct collection *fresh,
    const struct arrangement *arrangement, struct findings *findings)
{
    for (size_t i = 1; i < arrangement->count; i++) {
        const struct collected *one = arrangement->sent[i];
        char title[TITLE_MAX];

        if (has(fresh, one->certificate))
            continue;
        certificate_title(one->certificate, title, sizeof(title));
        findings_add(findings, "issuer-kept", SEVERITY_NOTE, one->file,
            "the files given lack it, and clients need the whole chain", NULL,
            "the issuer %s is taken from the chain in place now", title);
    }
}

static size_t gather(const struct collection *from, size_t count,
    const struct collected **all, X509 **certs)
{
    const struct collected *one;

    for (size_t i = 0; count < ARRANGE_MAX && (one = certificate_at(from, i)) != NULL;
         i++, count++) {
        all[count] = one;
        certs[count] = one->certificate;
    }
    return count;
}

bool arrange(const struct collection *fresh, const struct collection *known,
    struct arrangement *arrangement, struct findings *findings)
{
    const struct collected *all[ARRANGE_MAX];
    const struct collected *leaf = find_leaf(fresh, known, &arrangement->key);
    X509 *certs[ARRANGE_MAX];
    size_t order[ARRANGE_MAX], count, at = 0;

    arrangement->count = 0;
    if (leaf == NULL)
        return add_no_leaf(fresh, known, findings);
    count = gather(known, gather(fresh, 0, all, certs), all, certs);
    while (at < count && all[at] != leaf)
        at++;
    if (at == count)
        return add_no_leaf(fresh, known, findings); /* beyond ARRANGE_MAX */
    count = chain_sort(certs, count, at, order);
    for (size_t i = 0; i < count; i++)
        arrangement->sent[arrangement->count++] = all[order[i]];
    tell_left_out(fresh, arrangement, findings);
    tell_kept(fresh, arrangement, findings);
    return true;
}

bool arrangement_write(
    const struct arrangement *arrangement, struct pem_text *chain, struct pem_text *key)
{
    for (size_t i = 0; i < arrangement->count; i++)
        pem_text_add_certificate(chain, arrangement->sent[i]->certificate);
    return pem_text_add_key(key, arrangement->key->key);
}
