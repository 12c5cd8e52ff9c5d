/*
 * forging_hello.h - a ClientHello made from a fuzzer's input: valid at first, then
 * changed.
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
    bool tls12, resumes, bytewise, has_id, wrong_binder;
    uint16_t group;
    struct buffer suites;
    struct forging_extension extensions[FORGING_EXTENSIONS_MAX];
    size_t count;
};

void forging_hello_plan(struct forging_hello *hello, struct input *input);
void forging_hello_bend(struct forging_hello *hello, struct input *input); /* one
                                                                            * change */
/* Returns whether it offers psk_dhe_ke: no ticket is of use without (RFC 8446, 4.2.9). */
bool forging_hello_may_resume(const struct forging_hello *hello);
void forging_hello_destroy(struct forging_hello *hello);

/* Writes the message with its header; with the session's ticket unless NULL. */
void forging_hello_write(struct buffer *to, const struct forging_hello *hello,
    const struct forging_session *session);

#endif
