#include "certstore/read/pem_text.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/secrets.h"
#include "proxy/base/memory.h"

enum { LINE_BYTES = 48, LINE_CHARS = 64, FRAME = 2 * 64 };

static char *grow(struct pem_text *pem, size_t more)
{
    char *text = secrets_alloc(pem->len + more + 1);

    if (pem->len > 0)
        memcpy(text, pem->text, pem->len);
    secrets_free(pem->text, pem->len);
    pem->text = text;
    return text + pem->len;
}

static void add(
    struct pem_text *pem, const char *label, const unsigned char *der, size_t len)
{
    size_t lines = len / LINE_BYTES + 1, room = FRAME + lines * (LINE_CHARS + 1);
    char *start = grow(pem, room), *at = start;

    at += sprintf(at, "-----BEGIN %.32s-----\n", label);
    for (; len > 0; at++) {
        int part = len < LINE_BYTES ? (int)len : LINE_BYTES;

        at += EVP_EncodeBlock((unsigned char *)at, der, part);
        *at = '\n';
        der += part;
        len -= (size_t)part;
    }
    at += sprintf(at, "-----END %.32s-----\n", label);
    pem->len += (size_t)(at - start);
}

void pem_text_add_certificate(struct pem_text *pem, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    memory_require(len > 0); /* it was parsed or signed before */
    add(pem, "CERTIFICATE", der, (size_t)len);
    OPENSSL_free(der);
}

void pem_text_add_request(struct pem_text *pem, X509_REQ *request)
{
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(request, &der);

    memory_require(len > 0);
    add(pem, "CERTIFICATE REQUEST", der, (size_t)len);
    OPENSSL_free(der);
}

bool pem_text_add_key(struct pem_text *pem, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info;
    int len;

    secrets_wiping_begin();
    info = EVP_PKEY2PKCS8(key);
    len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    if (len > 0)
        add(pem, "PRIVATE KEY", der, (size_t)len);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    secrets_wiping_end();
    return len > 0;
}

bool pem_text_add_encrypted_key(struct pem_text *pem, EVP_PKEY *key, const char *password)
{
    PKCS8_PRIV_KEY_INFO *info;
    X509_SIG *sealed = NULL;
    unsigned char *der = NULL;
    int len = 0;

    secrets_wiping_begin();
    info = EVP_PKEY2PKCS8(key);
    if (info != NULL)
        sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), password, (int)strlen(password),
            NULL, 0, PKCS5_DEFAULT_ITER, info);
    PKCS8_PRIV_KEY_INFO_free(info);
    secrets_wiping_end();
    if (sealed != NULL)
        len = i2d_X509_SIG(sealed, &der);
    if (len > 0)
        add(pem, "ENCRYPTED PRIVATE KEY", der, (size_t)len);
    X509_SIG_free(sealed);
    OPENSSL_free(der);
    return len > 0;
}

void pem_text_add_empty(struct pem_text *pem, const char *label)
{
    static const unsigned char nothing[] = {0x05, 0x00};

    add(pem, label, nothing, sizeof(nothing));
}

void pem_text_go_to_line(struct pem_text *pem, size_t line)
{
    size_t there = 1, more;
    char *at;

    for (size_t i = 0; i < pem->len; i++)
        there += pem->text[i] == '\n';
    more = line > there ? line - there : 0;
    at = grow(pem, more);
    memset(at, '\n', more);
    at[more] = '\0';
    pem->len += more;
}

void pem_text_append(struct pem_text *pem, const struct pem_text *other)
{
    if (other->len == 0)
        return;
    memcpy(grow(pem, other->len), other->text, other->len);
    pem->len += other->len;
    pem->text[pem->len] = '\0';
}

void pem_text_destroy(struct pem_text *pem)
{
    secrets_free(pem->text, pem->len);
    *pem = (struct pem_text){0};
}
