/*
 * Any bytes as a PROXY header: a valid one lies within them, is partial at every shorter
 * length, and does not depend on the bytes after it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    enum proxy_header_status status =
        proxy_header_read(data, size, PROXY_VERSION_ANY, &whole);

    if (status == PROXY_HEADER_INVALID)
        assert(whole.error != NULL);
    if (status != PROXY_HEADER_WHOLE)
        return 0;
    assert(whole.len > 0 && whole.len <= size && whole.len <= PROXY_HEADER_MAX);
    for (size_t len = 0; len <= whole.len; len++) {
        /* Memory of exactly this length: reading beyond it is detected. */
        uint8_t *exact = malloc(len + 1);

        assert(exact != NULL);
        memcpy(exact, data, len);
        status = proxy_header_read(exact, len, PROXY_VERSION_ANY, &part);
        assert(status == (len < whole.len ? PROXY_HEADER_PARTIAL : PROXY_HEADER_WHOLE));
        free(exact);
    }
    assert(part.has_client == whole.has_client);
    assert(memcmp(&part.client, &whole.client, sizeof(part.client)) == 0);
    return 0;
}
