/* Any bytes as a file for `cert show`; up to the first NUL perhaps a password. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/finding.h"
#include "certstore/read/collect.h"

static void collect(const char *text, size_t len, const char *password)
{
    struct collection collection;
    struct findings findings;

    collection_init(&collection);
    findings_init(&findings);
    if (!collect_text(&collection, "f", text, len, password, &findings) &&
        findings_worst(&findings) != SEVERITY_REFUSED)
        abort();
    if (collection.count > COLLECT_MAX)
        abort();
    findings_destroy(&findings);
    collection_destroy(&collection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size == 0 ? NULL : memchr(text, '\0', size < 32 ? size : 32);

    collect(text, size, NULL);
    if (end != NULL)
        collect(end + 1, size - (size_t)(end + 1 - text), text);
    return 0;
}
