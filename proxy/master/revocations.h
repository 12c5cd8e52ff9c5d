/*
 * revocations.h - reads the revocation lists (`crl`) of the served plan again without the
 * rest: a list that revokes a certificate must take effect even if a key or the
 * configuration cannot be read just now.
 *
 * No certificate and no key is read for it: the new plan has the credentials of the
 * served one.
 */
#ifndef WLBPROXY_MASTER_REVOCATIONS_H
#define WLBPROXY_MASTER_REVOCATIONS_H

struct error;
struct plan;
struct revocations;

/* Returns the places of this plan's lists. NULL: it has none. */
struct revocations *revocations_of(const struct plan *served);

/* Reads them; may run on a thread of its own. If a file of a service cannot be read, or
 * is not whole, the service keeps its present lists. NULL is fine here and below. */
void revocations_read(struct revocations *revocations);

/* Returns the plan `served` with the lists that were read. NULL: no list differs from the
 * served ones, or they would turn away all clients of a CA, or `served` names other files
 * than those that were read. */
struct plan *revocations_renew(
    const struct revocations *revocations, const struct plan *served);

void revocations_free(struct revocations *revocations);

#endif
