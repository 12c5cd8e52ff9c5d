/*
 * Replies in any bytes. The pieces they come in make no difference, and every head that
 * is accepted can be forwarded and then reads the same again, with the framing that we
 * announced.
 */
#include <assert.h>
#include <stdint.h>

#include "tests/unit/forward_property.h"
#include "tests/unit/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole = {
        .kind = PARSER_RESPONSE, .on_head = forward_and_check_response};
    struct transcript pieces = {.kind = PARSER_RESPONSE};

    if (size < 2)
        return 0;
    whole.owner = (void *)data;
    whole.to_head = pieces.to_head = (data[0] & TO_HEAD) != 0;
    whole.upgrade = pieces.upgrade = (data[0] & UPGRADE) != 0;
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
