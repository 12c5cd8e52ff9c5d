/*
 * forging_hello.h - a ClientHello by the input of a fuzzer: put together as a decent
 * client would, then bent.
 */
#ifndef WLBPROXY_TESTS_FORGING_HELLO_H
#define WLBPROXY_TESTS_FORGING_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/buffer.h"
#include "tests/fuzz/forging_client.h"

struct input {
    const uint8_t *at, *end;
};

unsigned input_take(struct input *input); /* 0 at the end */
const uint8_t *input_take_bytes(struct input *input, size_t *len); /* or fewer */

enum { FORGING_EXTENSIONS_MAX = 24 };

struct forging_extension {
    uint16_t type;
    struct buffer body;
};

struct forging_hello {
    bool tls12, resumes, bytewise, has_id;
    uint16_t group;
    struct buffer suites;
    struct forging_extension extensions[FORGING_EXTENSIONS_MAX];
    size_t count;
};

void forging_hello_plan(struct forging_hello *hello, struct input *input);
void forging_hello_bend(struct forging_hello *hello, struct input *input); /* once */
void forging_hello_destroy(struct forging_hello *hello);

/* The message with its header; with that session's ticket unless NULL. */
void forging_hello_write(struct buffer *to, const struct forging_hello *hello,
    const struct forging_session *session);

#endif
