#include "certstore/read/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/judge/judge_parts.h"
#include "certstore/read/collect_parts.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"

void collection_init(struct collection *collection)
{
    *collection = (struct collection){0};
}

void collection_destroy(struct collection *collection)
{
    for (size_t i = 0; i < collection->count; i++) {
        X509_free(collection->items[i].certificate);
        X509_REQ_free(collection->items[i].request);
        secrets_wiping_begin();
        EVP_PKEY_free(collection->items[i].key);
        secrets_wiping_end();
    }
    free(collection->items);
    collection_init(collection);
}

/* NULL: there is no more room. */
static struct collected *append(struct collecting *c, enum collected_kind kind)
{
    struct collection *all = c->collection;
    struct collected *item;

    if (all->count == COLLECT_MAX) {
        if (!c->full)
            findings_add(c->findings, "too-many-blocks", SEVERITY_REFUSED, c->file,
                "that is a list of trusted CAs, not the chain of one server",
                "name only the files of this server's chain",
                "there are more than %d certificates and keys", COLLECT_MAX);
        c->full = true;
        return NULL;
    }
    if (all->count == all->capacity) {
        all->capacity = all->capacity == 0 ? 8 : 2 * all->capacity;
        all->items = realloc(all->items, all->capacity * sizeof(*all->items));
        if (all->items == NULL)
            abort();
    }
    item = &all->items[all->count++];
    *item = (struct collected){
        .kind = kind, .file = c->file, .format = c->format, .line = c->line};
    (void)snprintf(item->label, sizeof(item->label), "%s", c->label);
    return item;
}

void collect_certificate(struct collecting *c, X509 *certificate)
{
    struct collected *item = append(c, COLLECTED_CERTIFICATE);

    if (item != NULL)
        item->certificate = certificate;
    else
        X509_free(certificate);
}

void collect_key(struct collecting *c, EVP_PKEY *key)
{
    struct collected *item = append(c, COLLECTED_KEY);

    if (item != NULL)
        item->key = key;
    else
        EVP_PKEY_free(key);
}

void collect_request(struct collecting *c, X509_REQ *request)
{
    struct collected *item = append(c, COLLECTED_REQUEST);

    if (item != NULL)
        item->request = request;
    else
        X509_REQ_free(request);
}

void collect_other(struct collecting *c, enum collected_kind kind)
{
    (void)append(c, kind);
}

/* --- a file of DER -------------------------------------------------------------------
 */

static bool is_padding(const unsigned char *at, const unsigned char *end)
{
    while (at < end && (*at == '\0' || *at == '\r' || *at == '\n' || *at == ' '))
        at++;
    return at == end;
}

/* Some tools write one certificate after the other. */
static bool take_certificates(struct collecting *c, const unsigned char *der, size_t len)
{
    const unsigned char *at = der, *end = der + len;
    size_t taken = 0;

    while (at < end && !c->full) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);

        if (certificate == NULL)
            break;
        collect_certificate(c, certificate);
        taken++;
    }
    if (taken > 0 && !c->full && !is_padding(at, end))
        findings_add(c->findings, "truncated", SEVERITY_REFUSED, c->file,
            "part of the file is missing: a copy was cut off, or is still being written",
            "copy the file again, whole",
            "the last %zu of its bytes, behind certificate %zu, are no certificate",
            (size_t)(end - at), taken);
    return taken > 0;
}

static bool collect_der(struct collecting *c, const char *text, size_t len)
{
    const unsigned char *der = (const unsigned char *)text;
    bool taken;

    if (len < 2 || der[0] != 0x30)
        return false;
    c->format = "DER";
    taken = take_certificates(c, der, len) || collect_pkcs12(c, der, len) ||
        collect_pkcs7(c, der, len) || collect_der_request(c, der, len) ||
        collect_locked_key(c, der, len) || collect_der_key(c, der, len);
    ERR_clear_error();
    return taken;
}

static bool collect_bytes(struct collection *collection, const char *file,
    const char *text, size_t len, const char *format, const char *password,
    struct findings *findings)
{
    struct collecting c = {.collection = collection,
        .findings = findings,
        .file = file,
        .password = password,
        .format = format,
        .label = ""};
    const size_t before = collection->count, told = findings->count;
    struct pem pem;

    pem_parse(&pem, text, len);
    if (pem.count > 0 || !collect_der(&c, text, len))
        judge_text(file, text, len, &pem, false, findings);
    for (size_t i = 0; i < pem.count; i++) {
        c.format = format;
        collect_pem_block(&c, &pem.blocks[i], text, len);
    }
    pem_destroy(&pem);
    if (collection->count == before && findings->count == told)
        findings_add(findings, "nothing-in-it", SEVERITY_REFUSED, file,
            "a certificate, a key or a signing request is needed",
            "have it made or exported again",
            "there is no certificate and no key in the container");
    return collection->count > before;
}

bool collect_text(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, struct findings *findings)
{
    enum pem_width width = pem_width_of(text, len);
    size_t narrow_len;
    char *narrow;
    bool found;

    if (width == PEM_BYTES)
        return collect_bytes(collection, file, text, len, "PEM", password, findings);
    narrow = pem_narrow(text, len, width, &narrow_len);
    found = collect_bytes(
        collection, file, narrow, narrow_len, "PEM in UTF-16", password, findings);
    secrets_free(narrow, len / 2);
    return found;
}

bool collect_file(struct collection *collection, const char *path, const char *password,
    struct findings *findings)
{
    struct secret_file file = {0};
    bool found;

    if (!secret_file_read(&file, path, findings))
        return false;
    found = collect_text(collection, path, file.text, file.len, password, findings);
    secret_file_destroy(&file);
    return found;
}

void collection_add_certificate(struct collection *collection, X509 *certificate)
{
    struct collecting c = {.collection = collection, .label = "", .full = true};

    (void)X509_up_ref(certificate);
    collect_certificate(&c, certificate);
}

void collection_add_key(struct collection *collection, EVP_PKEY *key, const char *file)
{
    struct collecting c = {
        .collection = collection, .file = file, .label = "", .full = true};
    const struct collected *one;

    for (size_t i = 0; (one = collection_get(collection, COLLECTED_KEY, i)) != NULL;
         i++) {
        if (EVP_PKEY_eq(one->key, key) == 1)
            return;
    }
    (void)EVP_PKEY_up_ref(key);
    collect_key(&c, key);
}

const struct collected *collection_get(
    const struct collection *collection, enum collected_kind kind, size_t i)
{
    for (size_t at = 0; at < collection->count; at++) {
        if (collection->items[at].kind == kind && i-- == 0)
            return &collection->items[at];
    }
    return NULL;
}

size_t collection_count(const struct collection *collection, enum collected_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < collection->count; i++)
        count += collection->items[i].kind == kind;
    return count;
}
