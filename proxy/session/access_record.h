/*
 * access_record.h - a request's line in the access log, from its head until it is known
 * how much of the reply the client got.
 *
 * A closed record waits until the client's TCP has acknowledged all bytes written, or
 * until the connection ends. Then its line is written, with as many bytes as arrived.
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

/* The facts that its owner knows at the end of the exchange. Times are the loop's, 0:
 * never. */
struct access_outcome {
    enum end_reason reason;
    unsigned status; /* 0: no answer was written */
    uint64_t in, out; /* body bytes; of a tunnel all bytes */
    uint64_t first_byte; /* when the first byte of the reply was written */
    uint64_t asked, answered; /* when the backend was asked, and when it had answered */
    const char *backend; /* NULL: none; copied */
};

/* `head` NULL: none was accepted. `id` is copied. */
struct access_record *access_open(
    struct client *c, const struct head *head, const char *id);

/* Gives the record to its client. */
void access_close(struct access_record *record, const struct access_outcome *outcome);

/* The client's connection ends for `reason`: all its records become lines now. */
void access_settle(struct client *c, enum end_reason reason);

/* Runs when the clients' deadline for waiting records is over. Sends the lines that were
 * gathered since the last time. */
void access_on_due(struct deadline *due);

#endif
