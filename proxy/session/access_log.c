#include "proxy/session/access_log.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "proxy/base/log_target.h"

enum {
    WORD_MAX = 160, /* of a name from the configuration, escaped */
    ESCAPE_MAX = 6,
};

static_assert((int)ACCESS_LINE_MAX < (int)LOG_LINE_MAX, "");

struct line {
    struct buffer *out;
    bool json;
};

/* Writes a byte as it stands between quotes, in text and in JSON, and returns the
 * length. */
static size_t escape(char piece[ESCAPE_MAX], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    if (byte < 0x20 || byte >= 0x7f) {
        memcpy(piece, "\\u00", 4);
        piece[4] = hex[byte >> 4];
        piece[5] = hex[byte & 15];
        return 6;
    }
    piece[0] = '\\';
    piece[1] = (char)byte;
    if (byte == '"' || byte == '\\')
        return 2;
    piece[0] = (char)byte;
    return 1;
}

/* Writes in quotes. A byte that is not printable ASCII, a quote or a backslash is
 * escaped, so that the value can neither end a line nor command a terminal. Cut behind
 * the last byte whose escape fits into `max`. */
static void append_quoted(struct line *line, struct span text, size_t max)
{
    char *start = buffer_reserve(line->out, max + ESCAPE_MAX + 2), *at = start;
    const char *end = start + 1 + max;

    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        size_t len = escape(at, (unsigned char)text.text[i]);

        if (at + len > end)
            break;
        at += len;
    }
    *at++ = '"';
    buffer_commit(line->out, (size_t)(at - start));
}

/* ISO 8601, UTC, ms. */
static void append_time(struct line *line, const struct timespec *when)
{
    char text[32];
    struct tm tm;

    gmtime_r(&when->tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    buffer_printf(line->out, line->json ? "{\"time\":\"%s.%03ldZ\"" : "%s.%03ldZ", text,
        when->tv_nsec / 1000000);
}

/* The formats differ in how a name stands before its value. */
static void begin_value(struct line *line, const char *name)
{
    buffer_printf(line->out, line->json ? ",\"%s\":" : " %s=", name);
}

static void append_number(struct line *line, const char *name, uint64_t value)
{
    begin_value(line, name);
    buffer_printf(line->out, "%llu", (unsigned long long)value);
}

static void append_duration(struct line *line, const char *name, int64_t ms)
{
    if (ms >= 0) {
        append_number(line, name, (uint64_t)ms);
        return;
    }
    begin_value(line, name);
    buffer_append_text(line->out, line->json ? "null" : "-");
}

static void append_value(
    struct line *line, const char *name, struct span value, size_t max)
{
    begin_value(line, name);
    append_quoted(line, value, max);
}

static bool needs_quotes(const char *word)
{
    for (; *word != '\0'; word++) {
        if (*word <= ' ' || *word >= 0x7f || *word == '"' || *word == '\\')
            return true;
    }
    return false;
}

/* The word is ours, or from the configuration. */
static void append_word(struct line *line, const char *name, const char *word)
{
    size_t len = strlen(word);

    begin_value(line, name);
    if (line->json || needs_quotes(word) || len > WORD_MAX)
        append_quoted(line, (struct span){word, len}, WORD_MAX);
    else
        buffer_append_text(line->out, len > 0 ? word : "-");
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
    struct line line = {out, format == LOG_FORMAT_JSON};

    append_time(&line, &entry->when);
    append_number(&line, "conn", entry->conn);
    append_word(&line, "id", entry->id);
    append_word(&line, "peer", entry->peer);
    append_word(&line, "service", entry->service);
    append_number(&line, "status", entry->status);
    append_word(&line, "reason", end_reason_text(entry->reason));
    append_number(&line, "in", entry->in);
    append_number(&line, "out", entry->out);
    append_number(&line, "ms", entry->ms);
    append_duration(&line, "first_byte_ms", entry->first_byte_ms);
    append_duration(&line, "backend_ms", entry->backend_ms);
    append_word(&line, "backend", entry->backend);
    append_word(&line, "tls", entry->tls);
    append_word(&line, "cipher", entry->cipher);
    append_word(&line, "group", entry->group);
    append_word(&line, "version", version_of(entry));
    append_value(&line, "sni", entry->sni, ACCESS_SNI_MAX);
    append_value(&line, "cert", entry->cert, ACCESS_CERT_MAX);
    append_value(&line, "method", entry->method, ACCESS_METHOD_MAX);
    append_value(&line, "target", entry->target, ACCESS_TARGET_MAX);
    append_value(&line, "host", entry->host, ACCESS_HOST_MAX);
    append_value(&line, "agent", entry->agent, ACCESS_AGENT_MAX);
    buffer_append_text(out, line.json ? "}" : "");
}
