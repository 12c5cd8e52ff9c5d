/*
 * Requests in any bytes. The pieces they come in make no difference, and every head that
 * is accepted can be forwarded and then reads the same again.
 */
#include <assert.h>
#include <stdint.h>

#include "tests/unit/forward_property.h"
#include "tests/unit/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole = {
        .kind = PARSER_REQUEST, .on_head = forward_and_check_request};
    struct transcript pieces = {.kind = PARSER_REQUEST};

    if (size < 2)
        return 0;
    whole.owner = (void *)data;
    const char *bytes = (const char *)data + 2;
    transcribe(&whole, bytes, size - 2, 0, size);
    transcribe(&pieces, bytes, size - 2, data[1], 1 + (data[0] >> 6));
    assert(buffer_len(&whole.events) == buffer_len(&pieces.events));
    assert(buffer_len(&whole.events) == 0 ||
        memcmp(buffer_data(&whole.events), buffer_data(&pieces.events),
            buffer_len(&whole.events)) == 0);
    transcript_destroy(&whole);
    transcript_destroy(&pieces);
    return 0;
}
