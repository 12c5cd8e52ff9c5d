/*
 * trust.h - the issuers of client certificates that a service with `verify` trusts, and
 * their revocation lists (RFC 5280), from the PEM texts of `ca` and `crl`. Pure.
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
/* The same of `backend_ca`: whom the proxy trusts as a client of its backends. */
bool trust_parse_backends(
    struct trust *trust, OSSL_LIB_CTX *libctx, const char *ca_pem, struct error *err);
void trust_destroy(struct trust *trust);

enum trust_kind { TRUST_CLIENTS, TRUST_LISTS, TRUST_BACKENDS, TRUST_PINS };

/* Tells whether this text, of one file of `ca`, `crl` or `backend_ca`, can be parsed. */
bool trust_check(enum trust_kind kind, const char *pem_text, struct error *err);

/* Fills the store against which OpenSSL verifies clients. Where there is any list, every
 * issuer in a client's chain must have one: a missing list would pass for an empty
 * one. */
void trust_fill_store(const struct trust *trust, X509_STORE *store);

time_t trust_time(const ASN1_TIME *when); /* NULL: 0 */

/* A certificate or list that expires, without OpenSSL's types. */
struct trust_member {
    bool is_list; /* a revocation list, of this issuer */
    char title[160];
    time_t from, to;
};

/* The caller frees *members. Lists without a next update do not expire. */
size_t trust_members(
    const char *ca_pem, const char *crl_pem, struct trust_member **members);

/* Adds the SHA-256 of each certificate in the text, in lower-case hex. */
bool trust_add_pins(const char *pem_text, struct text_list *pins, struct error *err);

#endif
