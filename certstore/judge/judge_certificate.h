/*
 * judge_certificate.h - the rules for one certificate, without its key: kind and size of
 * the key, signature, validity, usage, extensions, names. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_JUDGE_CERTIFICATE_H
#define WLBPROXY_CERTSTORE_JUDGE_JUDGE_CERTIFICATE_H

#include <openssl/types.h>

struct findings;
struct judge_input;

/* Judges the certificate that is to be served. */
void judge_leaf(const struct judge_input *input, X509 *leaf, struct findings *findings);

/* Judges a certificate of the chain above it. */
void judge_issuer(
    const struct judge_input *input, X509 *issuer, struct findings *findings);

#endif
