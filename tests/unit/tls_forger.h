/*
 * tls_forger.h - writes records as the client of a session that was taken over, with any
 * type and content.
 */
#ifndef WLBPROXY_TESTS_TLS_FORGER_H
#define WLBPROXY_TESTS_TLS_FORGER_H

#include <stdlib.h>
#include <string.h>

#include "proxy/tls/tls_records.h"
#include "proxy/tls/tls_session.h"

struct forger {
    struct tls tls; /* as far as sealing needs one */
    struct buffer out;
};

/* With what `session` expects to read. */
static inline void forger_init(struct forger *forger, const struct tls *session)
{
    const struct tls_records *theirs = session->records;
    struct tls_records *ours = calloc(1, sizeof(*ours));

    memset(forger, 0, sizeof(*forger));
    *ours = *theirs;
    ours->in.key.slot = NULL;
    ours->out = theirs->in;
    ours->first_nonce = 7;
    record_key_init(&ours->out.key, theirs->in.key.cipher, true, theirs->in.key.bytes);
    forger->tls.records = ours;
    forger->tls.out = &forger->out;
}

static inline void forger_destroy(struct forger *forger)
{
    tls_records_free(forger->tls.records);
    buffer_destroy(&forger->out);
}

#endif
