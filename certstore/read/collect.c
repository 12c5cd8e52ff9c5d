#include "certstore/read/collect.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/pem.h"
#include "certstore/read/container.h"
#include "certstore/read/pem_check.h"
#include "certstore/read/private_key.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"

/* ---- a block of PEM ---- */

static bool take_certificate(
    struct collecting *c, const unsigned char *der, size_t len, bool trusted)
{
    X509 *certificate = certificate_parse(der, len, trusted, NULL);

    if (certificate != NULL)
        collecting_certificate(c, certificate);
    return certificate != NULL;
}

static bool take_request(struct collecting *c, const unsigned char *der, size_t len)
{
    X509_REQ *request = d2i_X509_REQ(NULL, &der, (long)len);

    if (request != NULL)
        collecting_request(c, request);
    return request != NULL;
}

static bool take_key(struct collecting *c, const unsigned char *der, size_t len)
{
    EVP_PKEY *key = private_key_parse(der, len, NULL);

    if (key != NULL)
        collecting_key(c, key);
    return key != NULL;
}

static int give_password(char *text, int size, int writing, void *password)
{
    size_t len = password == NULL ? 0 : strlen(password);

    (void)writing;
    if (len > (size_t)size)
        return -1;
    memcpy(text, password == NULL ? "" : password, len);
    return (int)len;
}

/* Returns the end of the block that begins at `from`. */
static const char *block_end(const char *from, const char *end)
{
    static const char mark[] = "-----END ";
    const char *at = memmem(from, (size_t)(end - from), mark, sizeof(mark) - 1);
    const char *line_end = at == NULL ? NULL : memchr(at, '\n', (size_t)(end - at));

    return line_end == NULL ? end : line_end + 1;
}

/* Only OpenSSL's own reader knows the encryption by RFC 1421 headers. It gets this block
 * alone: otherwise it would go on to the next, whose cost nobody has checked. */
static void take_headed_key(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len)
{
    const char *from = text + block->offset;
    BIO *bio = BIO_new_mem_buf(from, (int)(block_end(from, text + len) - from));
    EVP_PKEY *key;

    secrets_wiping_begin();
    key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)c->password);
    secrets_wiping_end();
    ERR_clear_error();
    BIO_free(bio);
    if (key != NULL)
        collecting_key(c, key);
    else
        container_needs_password(c, true);
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

static void take_block(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len)
{
    bool taken = true;

    c->line = block->line;
    c->label = block->label;
    if (private_key_is_openssh(block))
        pem_check_openssh_key(c->file, c->findings);
    else if (pem_is_private_key(block) && block->encrypted &&
        strcmp(block->label, "ENCRYPTED PRIVATE KEY") != 0)
        take_headed_key(c, block, text, len);
    else if (block->der == NULL)
        /* pem_check() has reported it, but skips blocks that nobody could read anyway */
        taken = block->fault != PEM_DAMAGED || !private_key_is_encrypted(block);
    else if (pem_is_certificate(block))
        taken = take_certificate(c, block->der, block->der_len,
                    strcmp(block->label, "TRUSTED CERTIFICATE") == 0) ||
            container_pkcs7(c, block->der, block->der_len);
    else if (private_key_is_encrypted(block))
        taken = container_locked_key(c, block->der, block->der_len);
    else if (pem_is_private_key(block))
        taken = take_key(c, block->der, block->der_len);
    else if (is_one_of(block->label, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
        taken = take_request(c, block->der, block->der_len);
    else if (pem_is_pkcs7(block))
        taken = container_pkcs7(c, block->der, block->der_len);
    else if (strcmp(block->label, "PKCS12") == 0)
        taken = container_pkcs12(c, block->der, block->der_len);
    else
        collecting_other(c, COLLECTED_OTHER);
    if (!taken)
        add_bad_block(c, block);
    ERR_clear_error();
}

/* ---- a file of DER ---- */

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
        collecting_certificate(c, certificate);
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

static bool take_der(struct collecting *c, const char *text, size_t len)
{
    const unsigned char *der = (const unsigned char *)text;
    bool taken;

    if (len < 2 || der[0] != 0x30)
        return false;
    c->format = "DER";
    taken = take_certificates(c, der, len) || container_pkcs12(c, der, len) ||
        container_pkcs7(c, der, len) || take_request(c, der, len) ||
        container_locked_key(c, der, len) || take_key(c, der, len);
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
    if (pem.count > 0 || !take_der(&c, text, len))
        pem_check(file, text, len, &pem, false, findings);
    for (size_t i = 0; i < pem.count; i++) {
        c.format = format;
        take_block(&c, &pem.blocks[i], text, len);
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
