/*
 * access_record.h - a request's line in the access log, from its head until it is known
 * what the client got of the reply.
 *
 * A closed record waits until the client's TCP has acknowledged all that was written, or
 * until the connection ends; then its line is written, with as many bytes as arrived.
 * While no access log is open there are no records: access_open() gives NULL, and every
 * other function takes it.
 */
#ifndef WLBPROXY_SESSION_ACCESS_RECORD_H
#define WLBPROXY_SESSION_ACCESS_RECORD_H

#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/net/deadline.h"

struct access_record;
struct client;
struct clients;
struct head;

/* What its owner knows when its part is over. Times are the loop's, 0: never. */
struct access_outcome {
    enum end_reason reason;
    unsigned status; /* 0: no answer was written */
    uint64_t in, out; /* body bytes; of a tunnel all bytes */
    uint64_t first_byte; /* the first byte of the reply was written */
    uint64_t asked, answered; /* the backend: since when, until when */
    const char *backend; /* NULL: none; copied */
};

/* `head` NULL: none was accepted. `id` is copied. */
struct access_record *access_open(
    struct client *c, const struct head *head, const char *id);

/* Gives the record up to its client. */
void access_close(struct access_record *record, const struct access_outcome *outcome);

/* The client's connection ends for `reason`: all its records are written now. */
void access_settle(struct client *c, enum end_reason reason);

/* A clients's deadline while records wait. */
void access_on_due(struct deadline *due);

#endif
