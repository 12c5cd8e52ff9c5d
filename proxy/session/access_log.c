#include "proxy/session/access_log.h"

#include <stdbool.h>
#include <string.h>

#include "proxy/http/head.h"

enum { TEXT_MAX = 2048 }; /* of one value from outside */

static uint32_t keep(struct buffer *text, struct span span)
{
    size_t len = span.text == NULL ? 0 : span.len > TEXT_MAX ? TEXT_MAX : span.len;

    if (len > 0)
        buffer_append(text, span.text, len);
    return (uint32_t)len;
}

void access_entry_fill(struct access_entry *entry, const struct head *head)
{
    buffer_clear(&entry->text);
    entry->method = keep(&entry->text, head->method);
    entry->target = keep(&entry->text, head->target);
    entry->host = keep(&entry->text, head->host);
    entry->agent = keep(&entry->text, head_find(head, "User-Agent"));
    entry->minor = head->minor;
}

/* In quotes; what is not printable ASCII, a quote or a backslash is escaped byte by byte,
 * so that it can neither end a line nor drive a terminal. Good JSON, too. */
static void append_quoted(struct buffer *out, const char *text, size_t len)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            buffer_append(out, "\\", 1);
        if (byte < 0x20 || byte >= 0x7f)
            buffer_printf(out, "\\u%04x", byte);
        else
            buffer_append(out, &text[i], 1);
    }
    buffer_append(out, "\"", 1);
}

/* ISO 8601, UTC, ms. */
static void append_time(struct buffer *out, const struct timespec *when)
{
    char text[32];
    struct tm tm;

    gmtime_r(&when->tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    buffer_printf(out, "%s.%03ldZ", text, when->tv_nsec / 1000000);
}

/* The two formats differ in how a name stands before its value. */
static void begin_value(struct buffer *out, enum log_format format, const char *name)
{
    if (format == LOG_FORMAT_JSON)
        buffer_printf(out, ",\"%s\":", name);
    else
        buffer_printf(out, " %s=", name);
}

static void append_number(
    struct buffer *out, enum log_format format, const char *name, uint64_t value)
{
    begin_value(out, format, name);
    buffer_printf(out, "%llu", (unsigned long long)value);
}

static void append_bytes(struct buffer *out, enum log_format format, const char *name,
    const char *text, size_t len)
{
    begin_value(out, format, name);
    append_quoted(out, text, len);
}

/* A word of ours: quoted in JSON only. */
static void append_word(
    struct buffer *out, enum log_format format, const char *name, const char *word)
{
    begin_value(out, format, name);
    if (format == LOG_FORMAT_JSON)
        append_quoted(out, word, strlen(word));
    else
        buffer_append_text(out, *word != '\0' ? word : "-");
}

static void append_request(
    struct buffer *out, enum log_format format, const struct access_entry *entry)
{
    const char *text = buffer_len(&entry->text) > 0 ? buffer_data(&entry->text) : "";

    append_bytes(out, format, "method", text, entry->method);
    text += entry->method;
    append_bytes(out, format, "target", text, entry->target);
    text += entry->target;
    append_bytes(out, format, "host", text, entry->host);
    text += entry->host;
    append_bytes(out, format, "agent", text, entry->agent);
    append_word(out, format, "version", entry->minor == 0 ? "1.0" : "1.1");
}

void access_format(struct buffer *out, enum log_format format,
    const struct access_entry *entry, const struct access_facts *facts)
{
    buffer_append_text(out, format == LOG_FORMAT_JSON ? "{\"time\":\"" : "");
    append_time(out, &facts->when);
    buffer_append_text(out, format == LOG_FORMAT_JSON ? "\"" : "");
    append_number(out, format, "conn", facts->conn);
    append_word(out, format, "peer", facts->peer);
    append_word(out, format, "service", facts->service);
    append_request(out, format, entry);
    append_number(out, format, "status", facts->status);
    append_number(out, format, "in", facts->in);
    append_number(out, format, "out", facts->out);
    append_number(out, format, "ms", facts->ms);
    append_word(out, format, "tls", facts->tls);
    append_word(out, format, "backend", facts->backend);
    append_word(out, format, "reason", end_reason_text(facts->reason));
    buffer_append_text(out, format == LOG_FORMAT_JSON ? "}" : "");
}
