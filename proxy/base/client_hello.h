/*
 * client_hello.h - a ClientHello in parts (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2): where its
 * fields and extensions begin and end. It does not judge whether they make sense.
 *
 * Results are borrowed from the message. Pure functions.
 */
#ifndef WLBPROXY_BASE_CLIENT_HELLO_H
#define WLBPROXY_BASE_CLIENT_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/bytes.h"

enum {
    CLIENT_HELLO_TYPE = 1, /* of the handshake message */
    CLIENT_HELLO_RANDOM = 32,
    CLIENT_HELLO_NAME_MAX = 255,
    /* Extensions (RFC 8446, 4.2). */
    CLIENT_HELLO_SERVER_NAME = 0,
    CLIENT_HELLO_GROUPS = 10,
    CLIENT_HELLO_SIGNATURE_SCHEMES = 13,
    CLIENT_HELLO_VERSIONS = 43,
};

struct client_hello {
    uint16_t legacy_version;
    struct bytes random, session_id, compressions;
    struct bytes suites; /* two bytes each */
    struct bytes extensions; /* for client_hello_next_extension() */
    struct bytes rest; /* bytes after the extensions; there should be none */
};

/* Reads the whole message with its header. It may be all or a part of what was sent.
 * False: it is cut short, and the fields hold the part that is there. */
bool client_hello_read_message(struct client_hello *hello, struct bytes message);

/* Takes an extension off the front of `rest`. False: `rest` was empty, or the extension
 * is cut short and `body` is the part that is there. */
bool client_hello_next_extension(struct bytes *rest, uint16_t *type, struct bytes *body);

/* Reads the host_name in the body of a server_name extension (RFC 6066, 3): one list of
 * one name, of 1 to CLIENT_HELLO_NAME_MAX bytes without NUL. False: the body is not of
 * this form. */
bool client_hello_host_name(struct bytes body, struct bytes *name);

/* Returns whether it is a reserved value (RFC 8701). Clients send these to keep servers
 * tolerant. */
bool client_hello_is_grease(uint32_t value);

#endif
