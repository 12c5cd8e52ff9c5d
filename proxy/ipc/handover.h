/*
 * handover.h - the messages between two masters while one program replaces another. It is
 * a protocol of its own, because the two are of different versions.
 *
 *     predecessor                            successor
 *                        <---------------- HELLO      within seconds
 *       SOCKETS..., TICKET_KEY...,
 *       DRAINED_BACKEND..., READY ------->   begins, beside the predecessor
 *                        <---------------- SERVING    (or REFUSED, with a reason)
 *                        <---------------- ALIVE      again and again, while all is well
 *       YOURS  (it has stood its probation) -> takes the control socket
 *                        <---------------- TAKEN
 *       drains; the end of the channel tells that the service manager knows
 *
 * A message is a type and fields, each with a number and a length. A reader skips fields
 * and messages that it does not know; a missing field has the value 0 or "". A number
 * keeps its meaning for ever. Descriptors go with SOCKETS: the kernel tells the address
 * that each is bound to.
 */
#ifndef WLBPROXY_IPC_HANDOVER_H
#define WLBPROXY_IPC_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDOVER_VERSION = 1, HANDOVER_BYTES = 4096, HANDOVER_FDS = 200 };

enum handover_type {
    HANDOVER_HELLO = 1, /* VERSION, PROGRAM */
    HANDOVER_SOCKETS = 2,
    HANDOVER_TICKET_KEY = 3, /* KEY_*; the one that seals first */
    HANDOVER_READY = 4, /* VERSION, PROGRAM, GENERATION, LIFETIME: the last message of the
                         * sockets and keys */
    HANDOVER_SERVING = 5, /* GENERATION */
    HANDOVER_REFUSED = 6, /* REASON */
    HANDOVER_ALIVE = 7,
    HANDOVER_YOURS = 8,
    HANDOVER_TAKEN = 9,
    HANDOVER_DRAINED_BACKEND = 10, /* SERVICE, ADDRESS, SINCE */
};

enum handover_field {
    HANDOVER_FIELD_VERSION = 1, /* number */
    HANDOVER_FIELD_PROGRAM = 2, /* text: "1.0.0" */
    HANDOVER_FIELD_GENERATION = 3, /* number */
    HANDOVER_FIELD_LIFETIME = 4, /* number: seconds that a session lasts */
    HANDOVER_FIELD_REASON = 5, /* text */
    HANDOVER_FIELD_KEY_NAME = 6, /* bytes */
    HANDOVER_FIELD_KEY_AES = 7,
    HANDOVER_FIELD_KEY_HMAC = 8,
    HANDOVER_FIELD_KEY_NATIVE = 9,
    HANDOVER_FIELD_KEY_ENDS = 10, /* number: seconds since 1970 */
    HANDOVER_FIELD_SERVICE = 11, /* text */
    HANDOVER_FIELD_ADDRESS = 12, /* text */
    HANDOVER_FIELD_SINCE = 13, /* number: seconds since 1970 */
};

struct handover_message {
    unsigned type;
    unsigned char bytes[HANDOVER_BYTES]; /* as on the wire */
    size_t len;
    int fds[HANDOVER_FDS];
    size_t fd_count;
};

void handover_begin(struct handover_message *m, enum handover_type type);
void handover_put(
    struct handover_message *m, enum handover_field field, const void *bytes, size_t len);
void handover_put_number(
    struct handover_message *m, enum handover_field field, uint64_t value);
void handover_put_text(
    struct handover_message *m, enum handover_field field, const char *text);

/* False: the bytes are no message. */
bool handover_parse(struct handover_message *m);
/* Reads a field of a parsed message. NULL: it has none of that number. */
const unsigned char *handover_get(
    const struct handover_message *m, enum handover_field field, size_t *len);
uint64_t handover_get_number(const struct handover_message *m, enum handover_field field);
/* Gives printable ASCII, cut to size. */
void handover_get_text(
    const struct handover_message *m, enum handover_field field, char *text, size_t size);

/* Sends over a SOCK_SEQPACKET socket. Waits a moment for room, else returns false. The
 * descriptors stay the caller's. */
bool handover_send(int channel, const struct handover_message *m);

enum handover_result { HANDOVER_MESSAGE, HANDOVER_AGAIN, HANDOVER_CLOSED };

/* Waits up to `timeout` ms. The descriptors are the caller's, close-on-exec. A datagram
 * that is no message counts as closed. */
enum handover_result handover_receive(
    int channel, struct handover_message *m, int timeout);
void handover_close_fds(struct handover_message *m); /* closes those that are not -1 */

#endif
