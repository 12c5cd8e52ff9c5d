#include "certstore/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/collect_parts.h"
#include "certstore/finding.h"
#include "certstore/judge_parts.h"
#include "certstore/private_key.h"
#include "certstore/secret_file.h"
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

/* --- one thing in DER --------------------------------------------------------------- */

static bool take_certificate(
    struct collecting *c, const unsigned char *der, size_t len, bool trusted)
{
    X509 *certificate = certificate_parse(der, len, trusted, NULL);

    if (certificate != NULL)
        collect_certificate(c, certificate);
    return certificate != NULL;
}

static bool take_request(struct collecting *c, const unsigned char *der, size_t len)
{
    X509_REQ *request = d2i_X509_REQ(NULL, &der, (long)len);

    if (request != NULL)
        collect_request(c, request);
    return request != NULL;
}

static bool take_key(struct collecting *c, const unsigned char *der, size_t len)
{
    EVP_PKEY *key = private_key_parse(der, len, NULL);

    if (key != NULL)
        collect_key(c, key);
    return key != NULL;
}

/* --- a file of DER -------------------------------------------------------------------
 */

/* Some tools write one certificate after the other. */
static bool take_certificates(struct collecting *c, const unsigned char *der, size_t len)
{
    const unsigned char *at = der, *end = der + len;
    size_t taken = 0;

    while (at < end && taken < PEM_BLOCKS_MAX) {
        X509 *certificate = d2i_X509(NULL, &at, end - at);

        if (certificate == NULL)
            break;
        collect_certificate(c, certificate);
        taken++;
    }
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
        collect_pkcs7(c, der, len) || take_request(c, der, len) ||
        collect_locked_key(c, der, len) || take_key(c, der, len);
    ERR_clear_error();
    return taken;
}

/* --- a file of PEM -------------------------------------------------------------------
 */

static int give_password(char *text, int size, int writing, void *password)
{
    size_t len = password == NULL ? 0 : strlen(password);

    (void)writing;
    if (len > (size_t)size)
        return -1;
    memcpy(text, password == NULL ? "" : password, len);
    return (int)len;
}

static const char *line_start(const char *text, size_t len, size_t line)
{
    const char *at = text, *next;

    for (; line > 1; line--) {
        next = memchr(at, '\n', len - (size_t)(at - text));
        if (next == NULL)
            break;
        at = next + 1;
    }
    return at;
}

/* Where the block that begins at `from` ends. */
static const char *block_end(const char *from, const char *end)
{
    static const char mark[] = "-----END ";
    const char *at = memmem(from, (size_t)(end - from), mark, sizeof(mark) - 1);
    const char *line_end = at == NULL ? NULL : memchr(at, '\n', (size_t)(end - at));

    return line_end == NULL ? end : line_end + 1;
}

/* Encrypted by RFC 1421 headers: only OpenSSL's own reader knows those. It gets this
 * block alone, or it would go on to the next, whose cost nobody has looked at. */
static void take_headed_key(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len)
{
    const char *from = line_start(text, len, block->line);
    BIO *bio = BIO_new_mem_buf(from, (int)(block_end(from, text + len) - from));
    EVP_PKEY *key;

    secrets_wiping_begin();
    key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)c->password);
    secrets_wiping_end();
    ERR_clear_error();
    BIO_free(bio);
    if (key != NULL)
        collect_key(c, key);
    else
        collect_needs_password(c, "the private key");
}

static void add_bad_block(struct collecting *c, const struct pem_block *block)
{
    findings_add(c->findings, pem_is_private_key(block) ? "bad-key" : "bad-certificate",
        SEVERITY_REFUSED, c->file, "bytes were lost or changed on the way here",
        "copy the file again, whole", "the %s block in line %zu holds something else",
        block->label, block->line);
}

static bool is_one_of(const char *label, const char *one, const char *two)
{
    return strcmp(label, one) == 0 || strcmp(label, two) == 0;
}

static void collect_block(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len)
{
    bool taken = true;

    c->line = block->line;
    c->label = block->label;
    if (pem_is_private_key(block) && block->encrypted &&
        strcmp(block->label, "ENCRYPTED PRIVATE KEY") != 0)
        take_headed_key(c, block, text, len);
    else if (block->der == NULL)
        /* judge_text() has told, but passes over what nobody could read anyway */
        taken = block->fault != PEM_DAMAGED || !private_key_is_encrypted(block);
    else if (pem_is_certificate(block))
        taken = take_certificate(c, block->der, block->der_len,
            strcmp(block->label, "TRUSTED CERTIFICATE") == 0);
    else if (private_key_is_encrypted(block))
        taken = collect_locked_key(c, block->der, block->der_len);
    else if (pem_is_private_key(block))
        taken = take_key(c, block->der, block->der_len);
    else if (is_one_of(block->label, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
        taken = take_request(c, block->der, block->der_len);
    else if (is_one_of(block->label, "PKCS7", "CMS"))
        taken = collect_pkcs7(c, block->der, block->der_len);
    else if (strcmp(block->label, "PKCS12") == 0)
        taken = collect_pkcs12(c, block->der, block->der_len);
    else
        collect_other(c, COLLECTED_OTHER);
    if (!taken)
        add_bad_block(c, block);
    ERR_clear_error();
}

bool collect_text(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, struct findings *findings)
{
    struct collecting c = {.collection = collection,
        .findings = findings,
        .file = file,
        .password = password,
        .format = "PEM",
        .label = ""};
    const size_t before = collection->count, told = findings->count;
    struct pem pem;

    pem_parse(&pem, text, len);
    if (pem.count > 0 || !collect_der(&c, text, len))
        judge_text(file, text, len, &pem, false, findings);
    for (size_t i = 0; i < pem.count; i++) {
        c.format = "PEM";
        collect_block(&c, &pem.blocks[i], text, len);
    }
    pem_destroy(&pem);
    if (collection->count == before && findings->count == told)
        findings_add(findings, "nothing-in-it", SEVERITY_REFUSED, file,
            "a certificate, a key or a signing request is needed",
            "have it made or exported again",
            "there is no certificate and no key in the container");
    return collection->count > before;
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
