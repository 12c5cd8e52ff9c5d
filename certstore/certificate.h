/*
 * certificate.h - the facts of one X.509 certificate for people and rules (RFC 5280).
 *
 * Texts are UTF-8, with control characters escaped, because anybody may have written the
 * certificate. All are cut to `size`.
 */
#ifndef WLBPROXY_CERTSTORE_CERTIFICATE_H
#define WLBPROXY_CERTSTORE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>

struct stack_st_GENERAL_NAME;

/* NULL unless it is exactly one certificate. `trusted`: OpenSSL's trust settings may
 * follow it ("TRUSTED CERTIFICATE"), and are ignored. */
X509 *certificate_parse(
    const unsigned char *der, size_t len, bool trusted, OSSL_LIB_CTX *libctx);

/* Its title in a sentence: the CN, else the first name, else the subject. */
void certificate_title(const X509 *certificate, char *text, size_t size);
void certificate_subject(const X509 *certificate, char *text, size_t size);
void certificate_issuer(const X509 *certificate, char *text, size_t size);
void certificate_serial(const X509 *certificate, char *text, size_t size);
void certificate_sha256(const X509 *certificate, char text[65]);
void certificate_sha1(const X509 *certificate, char text[41]);
/* "sha256WithRSAEncryption" */
void certificate_signature(const X509 *certificate, char *text, size_t size);

/* DNS and IP names, comma separated; else the CN; else "". */
void certificate_names(const X509 *certificate, char *text, size_t size);
void name_text(const X509_NAME *name, char *text, size_t size);
void general_names_text(
    const struct stack_st_GENERAL_NAME *names, char *text, size_t size);
bool certificate_has_dns_name(const X509 *certificate);
/* DNS names, comma separated; "" if there is none. */
void certificate_dns_names(const X509 *certificate, char *text, size_t size);
/* The most specific CN; "" if there is none. */
void certificate_common_name(const X509 *certificate, char *text, size_t size);

time_t certificate_not_before(const X509 *certificate);
time_t certificate_not_after(const X509 *certificate);

/* "2027-01-31 12:00 UTC" */
void certificate_date(time_t when, char *text, size_t size);

/* Compares names and verifies the signature. */
bool certificate_issued(X509 *issuer, X509 *subject);
bool certificate_is_self_signed(X509 *certificate);

/* The number by which the signer and the workers know the leaf's key: the beginning of
 * its public key's SHA-256, never 0. */
uint64_t certificate_key_number(X509 *leaf);

/* "RSA 2048", "EC P-256", "Ed25519" */
void key_describe(const EVP_PKEY *key, char *text, size_t size);

#endif
