/*
 * pem_check.h - finds the faults of a file that should be PEM text: another format, torn
 * or mixed blocks, the wrong kind of block. Each is a finding with its remedy. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_READ_PEM_CHECK_H
#define WLBPROXY_CERTSTORE_READ_PEM_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct findings;
struct pem;
struct pem_block;

/* Checks the text as such: format, line ends, torn blocks. `wants_key`: it should hold a
 * key and nothing else. */
void pem_check(const char *file, const char *text, size_t len, const struct pem *pem,
    bool wants_key, struct findings *findings);

/* Reports a key in OpenSSH's own format, and how to convert it. */
void pem_check_openssh_key(const char *file, struct findings *findings);

/* Reports that none of the blocks is the certificate that is wanted. */
void pem_check_no_certificate(
    const char *file, const struct pem *pem, struct findings *findings);

/* Reports a sound block that has a certificate's label and does not hold one. */
void pem_check_bad_certificate(
    const char *file, const struct pem_block *block, struct findings *findings);

#endif
