/*
 * forward.h - a judged head in, the head we write ourselves out.
 *
 * Hop-by-hop fields and those named by Connection are removed (RFC 9110, 7.6.1), framing
 * is written anew, X-Forwarded-* and Forwarded (RFC 7239) are ours alone. A request gets
 * a Via (RFC 9110, 7.6.3), a reply without Date the time it came (6.6.1); a reply gets no
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

/* X-Forwarded-*, Forwarded, and what else only a proxy may say. */
enum forward_facts {
    FORWARD_AS_IT_CAME, /* none of our own */
    FORWARD_OURS, /* the client's are removed */
    FORWARD_BOTH, /* the client is a proxy that is trusted: ours are added to its own */
};

struct forward_request {
    enum forward_facts facts;
    bool keep_alive; /* towards the backend */
    bool upgrade; /* pass Upgrade: websocket on */
    const char *client_ip; /* "192.0.2.7" or "2001:db8::1", no brackets */
    const char *request_id; /* without a byte that a field may not hold */
    /* Of a verified client certificate, else NULL; the client's own copies of these
     * fields (X-Client-Cert-Subject, X-Client-Cert-SHA256, X-Client-Cert-Verify) always
     * go. */
    const char *cert_subject, *cert_sha256;
    bool cert_asked; /* this service asks for client certificates */
};

/* Appends the request head for the backend (with its empty line) and says how its body is
 * to be framed. The body keeps its kind: length or chunked. Expect is not passed on. */
struct framing forward_request(
    const struct head *head, const struct forward_request *how, struct buffer *out);

struct forward_response {
    bool client_keep_alive; /* may the client's connection stay open after this reply */
    unsigned client_minor; /* its HTTP/1.minor: 0 never gets chunks */
    bool to_head; /* answers HEAD */
    bool upgrade; /* 101 of a tunnel that was asked for */
    time_t now; /* for a Date that is missing */
};

/* Appends the response head for the client. Towards a client that will close, never
 * chunked: Content-Length if it was there, else close-delimited. With keep-alive: length,
 * else chunked. *closes says whether the connection ends with this reply. */
struct framing forward_response(const struct head *head,
    const struct forward_response *how, struct buffer *out, bool *closes);

#endif
