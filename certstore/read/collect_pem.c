#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/judge/judge_parts.h"
#include "certstore/read/collect_parts.h"
#include "certstore/read/private_key.h"
#include "certstore/secrets.h"

static bool take_certificate(
    struct collecting *c, const unsigned char *der, size_t len, bool trusted)
{
    X509 *certificate = certificate_parse(der, len, trusted, NULL);

    if (certificate != NULL)
        collect_certificate(c, certificate);
    return certificate != NULL;
}

bool collect_der_request(struct collecting *c, const unsigned char *der, size_t len)
{
    X509_REQ *request = d2i_X509_REQ(NULL, &der, (long)len);

    if (request != NULL)
        collect_request(c, request);
    return request != NULL;
}

bool collect_der_key(struct collecting *c, const unsigned char *der, size_t len)
{
    EVP_PKEY *key = private_key_parse(der, len, NULL);

    if (key != NULL)
        collect_key(c, key);
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
        collect_needs_password(c, true);
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

void collect_pem_block(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len)
{
    bool taken = true;

    c->line = block->line;
    c->label = block->label;
    if (private_key_is_openssh(block))
        judge_openssh_key(c->file, c->findings);
    else if (pem_is_private_key(block) && block->encrypted &&
        strcmp(block->label, "ENCRYPTED PRIVATE KEY") != 0)
        take_headed_key(c, block, text, len);
    else if (block->der == NULL)
        /* judge_text() has told, but passes over what nobody could read anyway */
        taken = block->fault != PEM_DAMAGED || !private_key_is_encrypted(block);
    else if (pem_is_certificate(block))
        taken = take_certificate(c, block->der, block->der_len,
                    strcmp(block->label, "TRUSTED CERTIFICATE") == 0) ||
            collect_pkcs7(c, block->der, block->der_len);
    else if (private_key_is_encrypted(block))
        taken = collect_locked_key(c, block->der, block->der_len);
    else if (pem_is_private_key(block))
        taken = collect_der_key(c, block->der, block->der_len);
    else if (is_one_of(block->label, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
        taken = collect_der_request(c, block->der, block->der_len);
    else if (pem_is_pkcs7(block))
        taken = collect_pkcs7(c, block->der, block->der_len);
    else if (strcmp(block->label, "PKCS12") == 0)
        taken = collect_pkcs12(c, block->der, block->der_len);
    else
        collect_other(c, COLLECTED_OTHER);
    if (!taken)
        add_bad_block(c, block);
    ERR_clear_error();
}
