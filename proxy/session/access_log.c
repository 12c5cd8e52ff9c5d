#include "proxy/session/access_log.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "proxy/base/log_target.h"

enum {
    WORD_MAX = 160, /* of a name from the configuration, escaped */
    ESCAPE_MAX = 6,
    EIGHT = 8,
    /* More than all values and names together: nothing else looks for room. */
    LINE_ROOM = 2 * ACCESS_LINE_MAX,
};

static_assert((int)ACCESS_LINE_MAX < (int)LOG_LINE_MAX, "");

/* A request has a line: this is written for speed. */
struct line {
    char *at;
    bool json;
};

static void append(struct line *line, const char *text, size_t len)
{
    memcpy(line->at, text, len);
    line->at += len;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Tells of eight bytes at once whether all are plain. */
static bool are_plain(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t eight;

    memcpy(&eight, text, sizeof(eight));
    const uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';
    return ((eight | (eight - ones * ' ') | (eight + ones) | (quote - ones) |
                (backslash - ones)) &
               high) == 0;
}

/* Writes a byte that is not plain as it stands between quotes, in text and in JSON, and
 * returns the length. */
static size_t escape(char piece[ESCAPE_MAX], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    if (byte == '"' || byte == '\\') {
        piece[0] = '\\';
        piece[1] = (char)byte;
        return 2;
    }
    memcpy(piece, "\\u00", 4);
    piece[4] = hex[byte >> 4];
    piece[5] = hex[byte & 15];
    return 6;
}

/* Writes in quotes. A byte that is not printable ASCII, a quote or a backslash is
 * escaped, so that the value can neither end a line nor command a terminal. Cut behind
 * the last byte whose escape fits into `max`. */
static void append_quoted(struct line *line, struct span text, size_t max)
{
    char *at = line->at;
    const char *end = at + 1 + max;

    *at++ = '"';
    for (size_t i = 0; i < text.len && at < end;) {
        const size_t left = text.len - i;

        if (left >= EIGHT && end - at >= EIGHT && are_plain(text.text + i)) {
            memcpy(at, text.text + i, EIGHT);
            at += EIGHT;
            i += EIGHT;
            continue;
        }
        const unsigned char byte = (unsigned char)text.text[i++];
        if (is_plain(byte)) {
            *at++ = (char)byte;
            continue;
        }
        size_t len = escape(at, byte);
        if (at + len > end)
            break;
        at += len;
    }
    *at++ = '"';
    line->at = at;
}

/* Writes digits from the right, and returns the first. */
static char *digits(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return end;
}

static void append_digits(struct line *line, uint64_t value)
{
    char text[20], *end = text + sizeof(text), *first = digits(end, value);

    append(line, first, (size_t)(end - first));
}

/* ISO 8601, UTC, ms. The text of a second is made once. */
static void append_time(struct line *line, const struct timespec *when)
{
    static char text[sizeof("2026-11-30T12:00:00") + 32];
    static size_t len;
    static time_t second = -1;
    char ms[] = ".000Z\"";
    struct tm tm;

    if (when->tv_sec != second) {
        second = when->tv_sec;
        len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &tm));
    }
    (void)digits(ms + 4, (uint64_t)when->tv_nsec / 1000000);
    if (line->json)
        append(line, "{\"time\":\"", 9);
    append(line, text, len);
    append(line, ms, line->json ? 6 : 5);
}

/* So that names and their lengths are constants: a third fewer instructions a line. */
#define INLINE inline __attribute__((always_inline))

struct name {
    const char *json, *text; /* as it stands before its value */
    uint8_t json_len, text_len;
};

#define NAME(word)                                                                       \
    (&(const struct name){",\"" word "\":", " " word "=", sizeof(",\"" word "\":") - 1,  \
        sizeof(" " word "=") - 1})

static INLINE void begin_value(struct line *line, const struct name *name)
{
    if (line->json)
        append(line, name->json, name->json_len);
    else
        append(line, name->text, name->text_len);
}

static INLINE void append_number(
    struct line *line, const struct name *name, uint64_t value)
{
    begin_value(line, name);
    append_digits(line, value);
}

static INLINE void append_duration(struct line *line, const struct name *name, int64_t ms)
{
    begin_value(line, name);
    if (ms >= 0)
        append_digits(line, (uint64_t)ms);
    else
        append(line, line->json ? "null" : "-", line->json ? 4 : 1);
}

static INLINE void append_value(
    struct line *line, const struct name *name, struct span value, size_t max)
{
    begin_value(line, name);
    append_quoted(line, value, max);
}

/* The word is ours: short, plain and without a blank. */
static INLINE void append_word(
    struct line *line, const struct name *name, const char *word)
{
    size_t len = strlen(word);

    begin_value(line, name);
    if (line->json)
        *line->at++ = '"';
    append(line, word, len);
    if (line->json)
        *line->at++ = '"';
    else if (len == 0)
        *line->at++ = '-';
}

static bool needs_quotes(const char *word)
{
    for (; *word != '\0'; word++) {
        if (*word == ' ' || !is_plain((unsigned char)*word))
            return true;
    }
    return false;
}

/* The word is from the configuration. */
static INLINE void append_name(
    struct line *line, const struct name *name, const char *word)
{
    size_t len = strlen(word);

    if (len <= WORD_MAX && !needs_quotes(word))
        append_word(line, name, word);
    else
        append_value(line, name, (struct span){word, len}, WORD_MAX);
}

static const char *version_of(const struct access_entry *entry)
{
    if (!entry->read)
        return "";
    return entry->minor == 0 ? "1.0" : "1.1";
}

void access_format(
    struct buffer *out, enum log_format format, const struct access_entry *entry)
{
    char *start = buffer_reserve(out, LINE_ROOM);
    struct line line = {start, format == LOG_FORMAT_JSON};

    append_time(&line, &entry->when);
    append_number(&line, NAME("conn"), entry->conn);
    append_word(&line, NAME("id"), entry->id);
    append_word(&line, NAME("peer"), entry->peer);
    append_name(&line, NAME("service"), entry->service);
    append_number(&line, NAME("status"), entry->status);
    append_word(&line, NAME("reason"), end_reason_text(entry->reason));
    append_number(&line, NAME("sample"), entry->sample);
    append_number(&line, NAME("in"), entry->in);
    append_number(&line, NAME("out"), entry->out);
    append_number(&line, NAME("ms"), entry->ms);
    append_duration(&line, NAME("first_byte_ms"), entry->first_byte_ms);
    append_duration(&line, NAME("backend_ms"), entry->backend_ms);
    append_name(&line, NAME("backend"), entry->backend);
    append_word(&line, NAME("tls"), entry->tls);
    append_word(&line, NAME("cipher"), entry->cipher);
    append_word(&line, NAME("group"), entry->group);
    append_word(&line, NAME("version"), version_of(entry));
    append_value(&line, NAME("sni"), entry->sni, ACCESS_SNI_MAX);
    append_value(&line, NAME("cert"), entry->cert, ACCESS_CERT_MAX);
    append_value(&line, NAME("method"), entry->method, ACCESS_METHOD_MAX);
    append_value(&line, NAME("target"), entry->target, ACCESS_TARGET_MAX);
    append_value(&line, NAME("host"), entry->host, ACCESS_HOST_MAX);
    append_value(&line, NAME("agent"), entry->agent, ACCESS_AGENT_MAX);
    append(&line, "}", line.json ? 1 : 0);
    buffer_commit(out, (size_t)(line.at - start));
}
