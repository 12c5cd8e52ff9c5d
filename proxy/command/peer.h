/*
 * peer.h - asks a live server for its certificates, as XenServer's client and as a modern
 * one.
 *
 * Nothing is verified: the question is what it presents. Its name is resolved and its
 * handshakes are made by helpers (apart.h). Bounded in time, whatever the server does.
 */
#ifndef WLBPROXY_COMMAND_PEER_H
#define WLBPROXY_COMMAND_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/command/apart.h"

struct collection;
struct error;

enum { PEER_TEXT_MAX = HANDSHAKE_TEXT_MAX, PEER_HOST_MAX = 256 };

struct peer {
    char host[PEER_HOST_MAX]; /* without brackets, in the form of a client's URL */
    char where[PEER_HOST_MAX + 16]; /* "[::1]:8012" */
    bool xapi; /* XenServer's client could connect */
    char terms[PEER_TEXT_MAX]; /* the agreement: "TLSv1.2, <cipher>, <group>" */
    char modern_terms[PEER_TEXT_MAX]; /* "": a modern client could not connect */
    char reason[PEER_TEXT_MAX]; /* why XenServer's client could not */
    bool asks_certificate; /* it asks for a client certificate */
};

/* "host", "host:port", "[v6]:port", "v6"; without a port 8012. False: it is none of
 * these. */
bool peer_name(struct peer *peer, const char *text, struct error *err);

/* A handshake with XenServer's parameters and, where `http`, a request: *status is that
 * of its reply. It asks for this server; NULL: for the peer's host. False and err: one of
 * them failed. */
bool peer_ask(
    struct peer *peer, const char *name, bool http, unsigned *status, struct error *err);

/* Adds the certificates that the server presents to `collection`, in its order. False and
 * err: neither client could connect. */
bool peer_look(struct peer *peer, struct collection *collection, struct error *err);

#endif
