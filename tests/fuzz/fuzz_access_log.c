/*
 * A request with any bytes in every text: each format's line is whole and short enough.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/access_line.h"

struct input {
    const char *bytes;
    size_t len;
};

/* Takes up to 64 KiB: two bytes of the input give the length, and the input's end limits
 * it. */
static struct span take(struct input *input)
{
    size_t len = 0;

    for (int i = 0; i < 2 && input->len > 0; i++, input->bytes++, input->len--)
        len = len << 8 | (uint8_t)*input->bytes;
    if (len > input->len)
        len = input->len;
    struct span span = {input->bytes, len};
    input->bytes += len;
    input->len -= len;
    return span;
}

static char *take_text(struct input *input)
{
    struct span span = take(input);
    char *text = strndup(span.text, span.len);

    assert(text != NULL);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    char *service = take_text(&input), *backend = take_text(&input);
    struct access_entry entry = {
        .when = {.tv_sec = (time_t)size, .tv_nsec = 999999999},
        .conn = UINT64_MAX,
        .in = UINT64_MAX,
        .out = UINT64_MAX,
        .ms = UINT64_MAX,
        .first_byte_ms = size % 3 == 0 ? ACCESS_NO_TIME : INT64_MAX,
        .backend_ms = size % 5 == 0 ? ACCESS_NO_TIME : INT64_MAX,
        .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .peer = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
        .service = service,
        .backend = backend,
        .tls = "TLSv1.3",
        .cipher = "TLS_CHACHA20_POLY1305_SHA256",
        .group = "SecP384r1MLKEM1024",
        .status = 999,
        .sample = UINT32_MAX,
        .reason = (enum end_reason)(size % END_REASON_COUNT),
        .read = size % 2 == 0,
        .minor = size % 7 == 0,
        .sni = take(&input),
        .cert = take(&input),
        .method = take(&input),
        .target = take(&input),
        .host = take(&input),
        .agent = take(&input),
    };

    access_check(&entry, LOG_FORMAT_TEXT);
    access_check(&entry, LOG_FORMAT_JSON);
    free(service);
    free(backend);
    return 0;
}
