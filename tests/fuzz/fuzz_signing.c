/*
 * Any bytes from a worker to the signer, and back: a request or an answer that is read
 * lies within the datagram and its limit, and is the same when written again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/crypto/signing_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes again what was read, and compares it with the beginning of the datagram. */
static void expect_same(
    const struct signing_writer *again, const uint8_t *data, size_t size)
{
    assert(again->len <= size);
    assert(memcmp(again->bytes, data, again->len) == 0);
}

static void read_asks(const uint8_t *data, size_t size)
{
    static struct signing_writer again;
    struct signing_reader reader = {.left = {(const void *)data, size}};
    struct signing_ask ask;

    again.len = again.count = 0;
    while (signing_get_ask(&reader, &ask)) {
        assert(ask.input_len <= SIGNING_INPUT_MAX);
        assert(ask.input >= data && ask.input + ask.input_len <= data + size);
        if (again.count < SIGNING_ASKS_MAX)
            assert(signing_put_ask(&again, &ask));
    }
    assert(reader.failed || reader.left.len == 0);
    expect_same(&again, data, size);
}

static void read_answers(const uint8_t *data, size_t size)
{
    static struct signing_writer again;
    struct signing_reader reader = {.left = {(const void *)data, size}};
    struct signing_answer answer;

    again.len = again.count = 0;
    while (signing_get_answer(&reader, &answer)) {
        assert(answer.len <= SIGNING_ANSWER_MAX);
        assert(answer.signature >= data && answer.signature + answer.len <= data + size);
        assert(signing_put_answer(&again, &answer));
    }
    assert(reader.failed || reader.left.len == 0);
    expect_same(&again, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SIGNING_DATAGRAM_MAX)
        size = SIGNING_DATAGRAM_MAX;
    read_asks(data, size);
    read_answers(data, size);
    return 0;
}
