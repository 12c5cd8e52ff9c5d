/*
 * connection.h - the Connection field: its options, and the hop-by-hop fields that it
 * names (RFC 9110, 7.6.1).
 */
#ifndef WLBPROXY_HTTP_CONNECTION_H
#define WLBPROXY_HTTP_CONNECTION_H

#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

struct connection_options {
    bool close, keep_alive, upgrade;
    unsigned count;
};

/* Reads every Connection field; the fields they name get TRAIT_HOP. It is refused if it
 * names a field that must reach the other end (Host, Authorization, Content-*, ...): a
 * known way to make a proxy remove that field. */
enum refusal connection_read(struct connection_options *options, struct head *head);

#endif
