/*
 * connection.h - the Connection field: options, and names of fields that end here
 * (RFC 9110, 7.6.1).
 */
#ifndef WLBPROXY_HTTP_CONNECTION_H
#define WLBPROXY_HTTP_CONNECTION_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

struct connection_options {
    bool close, keep_alive, upgrade;
    unsigned count;
};

/* Reads every Connection field; the fields they name get TRAIT_HOP. Naming one that must
 * reach the other end (Host, Authorization, Content-*, ...) is refused: it is a known way
 * to make a proxy take it away. */
enum refusal connection_read(struct connection_options *options, struct head *head);

#endif
