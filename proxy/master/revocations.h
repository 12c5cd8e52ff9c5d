/*
 * revocations.h - the revocation lists (`crl`) of what is served, read again without the
 * rest: a list that revokes a certificate has to count although a key or the
 * configuration cannot be read just now.
 *
 * Neither a certificate nor a key is read for it: the plan that it makes has the
 * credentials of the plan that is served.
 */
#ifndef WLBPROXY_MASTER_REVOCATIONS_H
#define WLBPROXY_MASTER_REVOCATIONS_H

struct error;
struct plan;
struct revocations;

/* Where the lists of this plan are. NULL: it has none. */
struct revocations *revocations_of(const struct plan *served);

/* Reads them; may run on a thread of its own. A service of which a file cannot be read,
 * or is not whole, keeps the lists that it has. NULL is fine here and below. */
void revocations_read(struct revocations *revocations);

/* The plan `served`, with the lists that were read. NULL: no list differs from those that
 * are served, or they would turn all clients of a CA away, or `served` names other
 * files than those that were read. */
struct plan *revocations_renew(
    const struct revocations *revocations, const struct plan *served);

void revocations_free(struct revocations *revocations);

#endif
