/*
 * pem_text.h - writes PEM text (RFC 7468) of certificates and keys, in memory for
 * secrets.
 *
 * Results are freed with secrets_free().
 */
#ifndef WLBPROXY_CERTSTORE_READ_PEM_TEXT_H
#define WLBPROXY_CERTSTORE_READ_PEM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct X509_req_st; /* X509_REQ */

/* Grows as blocks are added; text ends with NUL, which len does not count. */
struct pem_text {
    char *text;
    size_t len;
};

void pem_text_add_certificate(struct pem_text *pem, X509 *certificate);
void pem_text_add_request(struct pem_text *pem, struct X509_req_st *request);
/* PKCS#8, not encrypted. False if this OpenSSL cannot write it. */
bool pem_text_add_key(struct pem_text *pem, EVP_PKEY *key);
/* The same under a passphrase (PBES2, AES-256). */
bool pem_text_add_encrypted_key(
    struct pem_text *pem, EVP_PKEY *key, const char *password);
/* A block that stands for one of this label whose content is not told. */
void pem_text_add_empty(struct pem_text *pem, const char *label);
/* Empty lines, so that the next block begins in this one, counted from 1, if the text is
 * not there already. */
void pem_text_go_to_line(struct pem_text *pem, size_t line);
void pem_text_append(struct pem_text *pem, const struct pem_text *other);

/* Wipes. */
void pem_text_destroy(struct pem_text *pem);

#endif
