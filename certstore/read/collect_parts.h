/*
 * collect_parts.h - what the readers of the several formats share.
 */
#ifndef WLBPROXY_CERTSTORE_READ_COLLECT_PARTS_H
#define WLBPROXY_CERTSTORE_READ_COLLECT_PARTS_H

#include "certstore/read/collect.h"

/* For all that is in one file; a second or two. */
enum { DERIVATION_ROUNDS_MAX = 5000000 };

/* One file, while it is read. */
struct collecting {
    struct collection *collection;
    struct findings *findings;
    const char *file, *password; /* the password may be NULL */
    const char *format;
    size_t line;
    const char *label;
    bool full; /* told that there is no more room */
    long rounds; /* of key derivation that have been asked for */
};

/* Take over what they are given. */
void collect_certificate(struct collecting *c, X509 *certificate);
void collect_key(struct collecting *c, EVP_PKEY *key);
void collect_request(struct collecting *c, X509_REQ *request);
void collect_other(struct collecting *c, enum collected_kind kind);

/* One block of the PEM text that begins at `text`. */
void collect_pem_block(
    struct collecting *c, const struct pem_block *block, const char *text, size_t len);

/* False: it is none. */
bool collect_der_request(struct collecting *c, const unsigned char *der, size_t len);
bool collect_der_key(struct collecting *c, const unsigned char *der, size_t len);
bool collect_pkcs12(struct collecting *c, const unsigned char *der, size_t len);
bool collect_pkcs7(struct collecting *c, const unsigned char *der, size_t len);
/* PKCS#8 under a password (RFC 5958 section 3). */
bool collect_locked_key(struct collecting *c, const unsigned char *der, size_t len);

/* Tells that it, a key or a PKCS#12 container, is under a password that is not known. */
void collect_needs_password(struct collecting *c, bool is_key);

/* Whether decrypting asks for a bearable number of rounds, together with what was
 * decrypted before; else a finding. */
bool collect_rounds_bearable(struct collecting *c, const X509_ALGOR *algorithm);
bool collect_count_bearable(struct collecting *c, const ASN1_INTEGER *rounds);

/* NULL: the password does not open it. */
EVP_PKEY *collect_open_key(
    const struct X509_sig_st *sealed, const char *password, OSSL_LIB_CTX *libctx);

#endif
