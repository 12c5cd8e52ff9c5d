/* Every payload of tests/corpus, whole, byte by byte and at every split; and every
 * accepted head in it, forwarded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/forward_property.h"
#include "tests/unit/transcript.h"

/* "\\{3:ab}" and the like; stops at the '}' of the repetition it is in. */
static const char *unescape(struct buffer *out, const char *text, bool repeated);

static const char *repeat(struct buffer *out, const char *text)
{
    char *colon;
    unsigned long times = strtoul(text, &colon, 10);
    struct buffer part;
    const char *end;

    buffer_init(&part);
    end = unescape(&part, colon + 1, true);
    while (times-- > 0)
        buffer_append(out, buffer_data(&part), buffer_len(&part));
    buffer_destroy(&part);
    return end;
}

static const char *escape(struct buffer *out, const char *text)
{
    static const char letters[] = "rnt\\", bytes[] = "\r\n\t\\";
    const char *letter = strchr(letters, *text);

    if (*text == '{')
        return repeat(out, text + 1);
    if (*text == 'x') {
        char digits[] = {text[1], text[2], '\0'};
        char byte = (char)strtoul(digits, NULL, 16);
        buffer_append(out, &byte, 1);
        return text + 3;
    }
    assert_non_null(letter);
    buffer_append(out, &bytes[letter - letters], 1);
    return text + 1;
}

static const char *unescape(struct buffer *out, const char *text, bool repeated)
{
    while (*text != '\0' && *text != '\n') {
        if (repeated && *text == '}')
            return text + 1;
        if (*text == '\\') {
            text = escape(out, text + 1);
        } else {
            buffer_append(out, text, 1);
            text++;
        }
    }
    return text;
}

static struct transcript whole, pieces;
static uint8_t how; /* forward_property.h */
static unsigned mistakes;

static void expect(const char *name, const char *verdict)
{
    if (strcmp(buffer_data(&whole.verdict), verdict) == 0)
        return;
    print_error("%s: expected %s, got %s\n%.*s\n", name, verdict,
        buffer_data(&whole.verdict), (int)buffer_len(&whole.events),
        buffer_data(&whole.events));
    mistakes++;
}

static void compare(
    const char *name, const char *bytes, size_t len, size_t first, size_t step)
{
    transcribe(&pieces, bytes, len, first, step);
    if (buffer_len(&pieces.events) == buffer_len(&whole.events) &&
        memcmp(buffer_data(&pieces.events), buffer_data(&whole.events),
            buffer_len(&whole.events)) == 0)
        return;
    print_error("%s: differs in pieces of %zu, then %zu bytes\n", name, first, step);
    mistakes++;
}

/* Each accepted head is forwarded in every way there is, and read again. */
static void forward_heads(const char *bytes, size_t len)
{
    bool to_head = whole.to_head, upgrade = whole.upgrade;

    for (unsigned bits = 0; bits < 64; bits++) {
        how = (uint8_t)bits;
        whole.on_head = whole.kind == PARSER_REQUEST ? forward_and_check_request
                                                     : forward_and_check_response;
        if (whole.kind == PARSER_RESPONSE) {
            whole.to_head = (bits & TO_HEAD) != 0;
            whole.upgrade = (bits & UPGRADE) != 0;
        }
        transcribe(&whole, bytes, len, 0, len);
    }
    whole.on_head = NULL;
    whole.to_head = to_head;
    whole.upgrade = upgrade;
}

/* Splits of a long payload are sampled: all of them would take minutes. */
static void try_payload(
    const char *name, const char *verdict, const struct buffer *payload)
{
    const char *bytes = buffer_data(payload);
    size_t len = buffer_len(payload), stride = 1 + len / 600;

    forward_heads(bytes, len);
    transcribe(&whole, bytes, len, 0, len);
    expect(name, verdict);
    for (size_t step = 1; step <= 3; step++)
        compare(name, bytes, len, 0, step);
    for (size_t first = 1; first < len; first += stride)
        compare(name, bytes, len, first, len);
}

static const char *take_context(const char *verdict)
{
    bool to_head = strncmp(verdict, "HEAD:", 5) == 0;
    bool upgrade = strncmp(verdict, "UPGRADE:", 8) == 0;

    whole.to_head = pieces.to_head = to_head;
    whole.upgrade = pieces.upgrade = upgrade;
    return to_head ? verdict + 5 : upgrade ? verdict + 8 : verdict;
}

static bool try_line(char *line)
{
    char *name = strchr(line, '\t'), *text;
    struct buffer payload;

    if (*line == '#' || *line == '\n')
        return false;
    assert_non_null(name);
    *name++ = '\0';
    text = strchr(name, '\t');
    assert_non_null(text);
    *text++ = '\0';
    buffer_init(&payload);
    unescape(&payload, text, false);
    try_payload(name, take_context(line), &payload);
    buffer_destroy(&payload);
    return true;
}

static void try_file(enum parser_kind kind, const char *path, unsigned at_least)
{
    static char line[64 * 1024];
    FILE *file = fopen(path, "r");
    unsigned payloads = 0;

    assert_non_null(file);
    whole = (struct transcript){.kind = kind, .owner = &how};
    pieces = (struct transcript){.kind = kind};
    mistakes = 0;
    while (fgets(line, sizeof(line), file) != NULL)
        payloads += try_line(line);
    fclose(file);
    transcript_destroy(&whole);
    transcript_destroy(&pieces);
    assert_int_equal(mistakes, 0);
    assert_true(payloads >= at_least);
}

static void every_request_is_judged_as_the_corpus_says(void **state)
{
    (void)state;
    try_file(PARSER_REQUEST, CORPUS "/requests.txt", 450);
}

static void every_reply_is_judged_as_the_corpus_says(void **state)
{
    (void)state;
    try_file(PARSER_RESPONSE, CORPUS "/responses.txt", 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_judged_as_the_corpus_says),
        cmocka_unit_test(every_reply_is_judged_as_the_corpus_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
