/*
 * trust.h - whom a service with `verify` trusts: issuers of client certificates, and what
 * they have revoked (RFC 5280), from the PEM texts of `ca` and `crl`. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_TRUST_H
#define WLBPROXY_CERTSTORE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/types.h>

struct error;
struct stack_st_X509;
struct stack_st_X509_CRL;
struct text_list;

struct trust {
    struct stack_st_X509 *authorities;
    struct stack_st_X509_CRL *lists;
};

/* The texts may be NULL; a text without anything in it is an error. */
bool trust_parse(struct trust *trust, OSSL_LIB_CTX *libctx, const char *ca_pem,
    const char *crl_pem, struct error *err);
void trust_destroy(struct trust *trust);

/* What OpenSSL verifies clients against. Every issuer in a client's chain must have its
 * list where there is any list: a missing one would pass for an empty one. */
void trust_fill_store(const struct trust *trust, X509_STORE *store);

time_t trust_time(const ASN1_TIME *when); /* NULL: 0 */

/* One thing that ends, for those who do not speak OpenSSL. */
struct trust_member {
    bool is_list; /* a revocation list, of this issuer */
    char title[160];
    time_t from, to;
};

/* *members is the caller's to free; lists without a next update do not end. */
size_t trust_members(
    const char *ca_pem, const char *crl_pem, struct trust_member **members);

/* Adds the SHA-256 of each certificate in the text, in lower-case hex. */
bool trust_add_pins(const char *pem_text, struct text_list *pins, struct error *err);

#endif
