/*
 * chunked_encode.h - adds the framing to the bytes of a body, and notices a body that is
 * too short or too long.
 */
#ifndef WLBPROXY_HTTP_CHUNKED_ENCODE_H
#define WLBPROXY_HTTP_CHUNKED_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/http/head.h"

struct framing {
    enum body_kind kind;
    uint64_t left; /* BODY_LENGTH: bytes still to come */
};

enum { FRAMING_OVERHEAD = 24 };

/* Makes the bytes in front of and behind a part of `len` body bytes; both may be empty.
 * Each has room for FRAMING_OVERHEAD bytes. False if the part is longer than
 * announced. */
bool framing_part(struct framing *f, size_t len, char *before, size_t *before_len,
    char *after, size_t *after_len);

/* Returns the end of the body ("0\r\n\r\n" or nothing), static. NULL if bytes are
 * missing. */
const char *framing_end(struct framing *f);

#endif
