/*
 * forward.h - writes our own head from one that rules.h has accepted.
 *
 * Hop-by-hop fields and those named by Connection are removed (RFC 9110, 7.6.1), framing
 * is written anew, X-Forwarded-* and Forwarded (RFC 7239) are ours alone. A request gets
 * a Via (RFC 9110, 7.6.3), a reply without Date the time it came (6.6.1). A reply gets no
 * Via, which a gateway may leave out.
 */
#ifndef WLBPROXY_HTTP_FORWARD_H
#define WLBPROXY_HTTP_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proxy/http/chunked_encode.h"
#include "proxy/http/head.h"

struct buffer;

/* The origin of X-Forwarded-*, Forwarded, and other fields that only a proxy may set. */
enum forward_facts {
    FORWARD_AS_IT_CAME, /* none of our own */
    FORWARD_OURS, /* ours replace the client's */
    FORWARD_BOTH, /* the client is a trusted proxy: ours are added to its own */
};

struct forward_request {
    enum forward_facts facts;
    bool keep_alive; /* towards the backend */
    bool upgrade; /* pass Upgrade: websocket on */
    const char *client_ip; /* "192.0.2.7" or "2001:db8::1", no brackets */
    const char *request_id; /* contains only bytes that a field may contain */
    /* Of a verified client certificate, else NULL. The client's own fields of these names
     * (X-Client-Cert-Subject, X-Client-Cert-SHA256, X-Client-Cert-Verify) are always
     * removed. */
    const char *cert_subject, *cert_sha256;
    bool cert_asked; /* this service asks for client certificates */
};

/* Appends the request head for the backend (with its empty line) and returns the framing
 * of its body. The body keeps its kind: length or chunked. Expect is not passed on. */
struct framing forward_request(
    const struct head *head, const struct forward_request *how, struct buffer *out);

struct forward_response {
    bool client_keep_alive; /* the client's connection may stay open after this reply */
    unsigned client_minor; /* its HTTP/1.minor; a client of 1.0 never gets chunks */
    bool to_head; /* answers HEAD */
    bool upgrade; /* it is a 101 for a tunnel that the request asked for */
    time_t now; /* for a reply without Date */
};

/* Appends the response head for the client. Towards a client that will close, never
 * chunked: Content-Length if it was there, else close-delimited. With keep-alive: length,
 * else chunked. *closes says whether the connection ends with this reply. */
struct framing forward_response(const struct head *head,
    const struct forward_response *how, struct buffer *out, bool *closes);

#endif
