/*
 * request_id.h - the id by which one request is found in the logs of all parties.
 *
 * A client's own X-Request-Id is kept when it is one field of 8 to 64 letters, digits,
 * '-', '_' or '.', so that the caller can search for it here. Any other is replaced.
 */
#ifndef WLBPROXY_SESSION_REQUEST_ID_H
#define WLBPROXY_SESSION_REQUEST_ID_H

struct head;

enum { REQUEST_ID_MIN = 8, REQUEST_ID_MAX = 64 };

struct request_id {
    char text[REQUEST_ID_MAX + 1];
};

/* Returns the client's, or 32 hexadecimal digits that no other request has. */
struct request_id request_id_of(const struct head *head);

#endif
