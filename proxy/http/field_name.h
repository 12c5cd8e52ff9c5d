/*
 * field_name.h - the field names that a proxy must know.
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
    TRAIT_HOP = 1, /* removed here: hop-by-hop, or written anew */
    TRAIT_ONCE = 2, /* may not be repeated in a request */
    TRAIT_PROTECTED = 4, /* Connection may not name it */
    TRAIT_FRAMING = 8, /* a misreading would move the end of a message, or its target */
    /* Servers take it for a proxy's statement about the client, its TLS or the first
     * target of the request: it is ours alone when `forwarded` is on. */
    TRAIT_FORWARDED = 16,
    TRAIT_CERT = 32, /* always ours alone */
    TRAIT_ALIAS = 64, /* equals such a name once '_', '.', ... are read as '-' (CGI) */
    TRAIT_AUTHENTICATION = 128, /* names schemes of authentication */
};

struct field_kind {
    uint8_t id; /* enum field_id */
    uint8_t traits; /* enum field_trait */
};

struct field_kind field_kind(struct span name);

#endif
