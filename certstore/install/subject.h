/*
 * subject.h - the subject of a certificate: one name for people and XenServer, and all
 * names (RFC 6125). Pure.
 *
 * The name becomes the CN, and a subject alternative name; the others become alternative
 * names, too. XenServer's client compares the text of its URL's host with DNS names, or
 * with the CN if there is no DNS name; never with IP names. Therefore an address as *the*
 * name becomes CN and IP name, and the certificate has no DNS name.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_SUBJECT_H
#define WLBPROXY_CERTSTORE_INSTALL_SUBJECT_H

#include <stdbool.h>

#include <openssl/types.h>

struct error;
struct findings;
struct stack_st_X509_EXTENSION;
struct text_list;

/* The parts of the subject that an organisation's CA expects beside the CN; "": not
 * given. */
enum { SUBJECT_C, SUBJECT_ST, SUBJECT_L, SUBJECT_O, SUBJECT_OU, SUBJECT_PARTS };
enum { SUBJECT_PART_MAX = 4 * 128 + 1 }; /* bytes of UTF-8 */
struct subject_parts {
    char text[SUBJECT_PARTS][SUBJECT_PART_MAX];
};

struct subject {
    const char *name; /* host name or address */
    const struct text_list *others; /* likewise; with or without "DNS:" or "IP:" */
    const struct subject_parts *parts; /* NULL: none */
};

/* "C=DE, ST=Bavaria, O=Example\, Inc.", or "/C=DE/ST=Bavaria" in openssl's form; each at
 * most once, in any order. False and err: the text is wrong. */
bool subject_parts_parse(
    const char *text, struct subject_parts *parts, struct error *err);

/* False and err if one of them is neither a host name nor an address. */
bool subject_check(const struct subject *subject, struct error *err);

/* Finds names that XenServer would not match (its host rule), and a bare host name. */
void subject_judge(const struct subject *subject, struct findings *findings);

/* Makes the subject of names that subject_check() has accepted; it cannot fail. */
X509_NAME *subject_name(const struct subject *subject);

/* The extensions of a TLS server's certificate: names, no CA, key usage for this kind of
 * key, serverAuth. `certificate`: the one they are for; NULL: a request. The caller
 * frees. */
struct stack_st_X509_EXTENSION *subject_extensions(
    const struct subject *subject, EVP_PKEY *key, X509 *certificate);

#endif
