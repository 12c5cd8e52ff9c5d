/*
 * signing_wire.h - messages between a worker and the signer: requests one way, answers
 * the other, as many in a datagram as there are. Pure encoding, between processes of one
 * machine and one build; the reader checks everything.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_WIRE_H
#define WLBPROXY_CRYPTO_SIGNING_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/bytes.h"

enum {
    SIGNING_INPUT_MAX = 256, /* a digest, or EdDSA's message */
    SIGNING_ANSWER_MAX = 2048, /* RSA 16384 */
    SIGNING_DATAGRAM_MAX = 48 * 1024,
    SIGNING_ASKS_MAX = 128, /* in a datagram */
};

struct signing_ask {
    uint64_t key; /* certificate_key_number() */
    uint32_t id; /* chosen by the worker */
    uint16_t scheme; /* signature_scheme.h */
    bool urgent; /* precedes this worker's others */
    const unsigned char *input; /* the digest; borrowed */
    size_t input_len;
};

struct signing_answer {
    uint32_t id;
    const unsigned char *signature; /* borrowed */
    size_t len; /* 0: refused */
};

struct signing_writer {
    unsigned char bytes[SIGNING_DATAGRAM_MAX];
    size_t len;
    unsigned count;
};

/* False, and nothing is added, if there is no room. */
bool signing_put_ask(struct signing_writer *w, const struct signing_ask *ask);
bool signing_put_answer(struct signing_writer *w, const struct signing_answer *answer);

struct signing_reader {
    struct bytes left;
    bool failed; /* the bytes are not of this format */
};

/* False at the end, and when it failed. */
bool signing_get_ask(struct signing_reader *r, struct signing_ask *ask);
bool signing_get_answer(struct signing_reader *r, struct signing_answer *answer);

#endif
