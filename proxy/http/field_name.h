/*
 * field_name.h - the fields that mean something to a proxy, known by name.
 */
#ifndef WLBPROXY_HTTP_FIELD_NAME_H
#define WLBPROXY_HTTP_FIELD_NAME_H

#include <stdint.h>

#include "proxy/http/head.h"

enum field_id {
    FIELD_OTHER,
    FIELD_AUTHORIZATION,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_TYPE,
    FIELD_DATE,
    FIELD_EXPECT,
    FIELD_HOST,
    FIELD_REQUEST_ID,
    FIELD_SOAPACTION,
    FIELD_TRANSFER_ENCODING,
    FIELD_UPGRADE,
    FIELD_IDS
};

enum field_trait {
    TRAIT_HOP = 1, /* ends here: hop-by-hop, or written anew */
    TRAIT_ONCE = 2, /* may not be repeated in a request */
    TRAIT_PROTECTED = 4, /* Connection may not name it */
    TRAIT_FRAMING = 8, /* misread, it would shift where messages end or go */
    /* What servers take for a proxy's word about the client, its TLS or the request's
     * first target: ours alone when `forwarded` is on. */
    TRAIT_FORWARDED = 16,
    TRAIT_CERT = 32, /* ours alone, always */
    TRAIT_ALIAS = 64, /* equals such a name once '_', '.', ... are read as '-' (CGI) */
};

struct field_kind {
    uint8_t id; /* enum field_id */
    uint8_t traits; /* enum field_trait */
};

struct field_kind field_kind(struct span name);

#endif
