/* Any bytes as a certificate file, and as certificate and key around the first NUL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"

static void judge(struct judge_input input)
{
    struct findings findings;
    struct judged_pair pair;

    findings_init(&findings);
    if (judge_pair(&input, &pair, &findings) == (pair.leaf == NULL))
        abort();
    if (pair.leaf == NULL && findings_worst(&findings) != SEVERITY_REFUSED)
        abort();
    judged_pair_destroy(&pair);
    findings_destroy(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *key = size == 0 ? NULL : memchr(text, '\0', size);
    struct judge_input input = {
        .cert_file = "c", .cert_text = text, .cert_len = size, .now = 1800000000};

    judge(input);
    input.without_key = true;
    judge(input);
    if (key == NULL)
        return 0;
    judge((struct judge_input){.cert_file = "c",
        .cert_text = text,
        .cert_len = (size_t)(key - text),
        .key_file = "k",
        .key_text = key + 1,
        .key_len = size - (size_t)(key - text) - 1,
        .now = 1800000000});
    return 0;
}
