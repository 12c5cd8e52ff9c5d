/*
 * error_reply.h - the proxy's own replies: small, text/plain, with Date (RFC 9110,
 * 6.6.1), Content-Length and Connection. Never 401 or 403, which XAPI takes for a wrong
 * password.
 */
#ifndef WLBPROXY_HTTP_ERROR_REPLY_H
#define WLBPROXY_HTTP_ERROR_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct buffer;

/* "Bad Gateway"; "" for a status that no error reply of the proxy has. */
const char *error_reply_reason(unsigned status);

/* `text` is one sentence for a person. to_head: without body bytes, as HEAD requires.
 * `fields`: further lines of the head, whole, or NULL. keep_alive: the connection stays
 * open. */
void error_reply_write(struct buffer *out, unsigned status, const char *text,
    const char *fields, time_t now, bool to_head, bool keep_alive);

/* Returns the bytes of its body. */
size_t reply_body_length(const char *text, bool to_head);

#endif
