/*
 * tls_forger.h - writes records as the client of a native session, with any type and
 * content.
 */
#ifndef WLBPROXY_TESTS_TLS_FORGER_H
#define WLBPROXY_TESTS_TLS_FORGER_H

#include <stdlib.h>
#include <string.h>

#include "proxy/tls/native/native_records.h"

struct forger {
    struct tls tls; /* the parts that sealing needs */
    struct tls_native session;
    struct buffer out;
};

/* Takes the keys with which `session` expects to read. */
static inline void forger_init(struct forger *forger, const struct tls *session)
{
    const struct tls_records *theirs = tls_records_of(session);
    struct tls_records *ours = &forger->session.records;

    memset(forger, 0, sizeof(*forger));
    *ours = *theirs;
    ours->in.key.slot = NULL;
    ours->out = theirs->in;
    ours->out.sequence = theirs->in.sequence;
    record_key_init(&ours->out.key, theirs->in.key.cipher, true, theirs->in.key.bytes);
    forger->tls.session = &forger->session;
    forger->tls.out = &forger->out;
}

static inline void forger_destroy(struct forger *forger)
{
    tls_records_destroy(&forger->session.records);
    buffer_destroy(&forger->out);
}

#endif
