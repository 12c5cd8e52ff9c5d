#include "certstore/chain.h"

#include <openssl/x509.h>

#include "certstore/certificate.h"

size_t chain_cross_signed(X509 *const *certs, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (X509_cmp(certs[i], certs[at]) == 0)
            return i;
    }
    return at;
}

struct sorting {
    X509 *const *certs;
    size_t count;
    size_t *order, len;
};

static bool is_sorted_in(const struct sorting *sorting, const X509 *cert)
{
    for (size_t i = 0; i < sorting->len; i++) {
        if (X509_cmp(sorting->certs[sorting->order[i]], cert) == 0)
            return true;
    }
    return false;
}

/* Depth first: the path from the leaf up comes out in one piece, then its branches
 * (cross-signs). The recursion is no deeper than a file has blocks. */
static void climb(struct sorting *sorting, size_t child)
{
    sorting->order[sorting->len++] = child;
    for (size_t i = 0; i < sorting->count; i++) {
        if (!is_sorted_in(sorting, sorting->certs[i]) &&
            certificate_issued(sorting->certs[i], sorting->certs[child]))
            climb(sorting, i);
    }
}

size_t chain_sort(X509 *const *certs, size_t count, size_t leaf, size_t *order)
{
    struct sorting sorting = {certs, count, order, 0};

    climb(&sorting, leaf);
    return sorting.len;
}

bool chain_issues(X509 *const *certs, size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++) {
        if (X509_cmp(certs[i], certs[at]) != 0 && certificate_issued(certs[at], certs[i]))
            return true;
    }
    return false;
}
