/*
 * pem_check.h - what is wrong with a file that should be PEM text: another format, torn
 * or mixed blocks, the wrong kind of block. Each is a finding with its remedy. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_READ_PEM_CHECK_H
#define WLBPROXY_CERTSTORE_READ_PEM_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct findings;
struct pem;
struct pem_block;

/* The text as such: format, line ends, torn blocks. `wants_key`: nothing but a key is
 * expected in it. */
void pem_check(const char *file, const char *text, size_t len, const struct pem *pem,
    bool wants_key, struct findings *findings);

/* A key in OpenSSH's own format, and how to convert it. */
void pem_check_openssh_key(const char *file, struct findings *findings);

/* A certificate is wanted, and none of the blocks, of which there are some, is one. */
void pem_check_no_certificate(
    const char *file, const struct pem *pem, struct findings *findings);

/* A sound block that is labelled as a certificate, and does not hold one. */
void pem_check_bad_certificate(
    const char *file, const struct pem_block *block, struct findings *findings);

#endif
