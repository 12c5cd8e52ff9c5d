/*
 * signer_json.h - the signers' part of the answer to `status`: each process, and the sums
 * over them.
 */
#ifndef WLBPROXY_MASTER_SIGNER_JSON_H
#define WLBPROXY_MASTER_SIGNER_JSON_H

#include <jansson.h>

struct signing_stats;
struct supervisor;

/* stats[slot] NULL: that one did not answer. JSON's null where there is no signer. */
json_t *signer_json(const struct supervisor *signers, struct signing_stats *const *stats);

#endif
