/*
 * access_line.h - checks every line of the access log: it is printable ASCII, short
 * enough, and has all its values, in order, each whole. Shared by unit tests and the fuzz
 * target.
 */
#ifndef WLBPROXY_TESTS_ACCESS_LINE_H
#define WLBPROXY_TESTS_ACCESS_LINE_H

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "proxy/base/buffer.h"
#include "proxy/session/access_log.h"

static const char *const access_names[] = {"conn", "id", "peer", "service", "status",
    "reason", "sample", "in", "out", "ms", "first_byte_ms", "backend_ms", "backend",
    "tls", "cipher", "group", "version", "sni", "cert", "method", "target", "host",
    "agent"};

enum { ACCESS_NAMES = sizeof(access_names) / sizeof(access_names[0]) };

static inline void access_skip(const char **at, const char *text)
{
    assert(strncmp(*at, text, strlen(text)) == 0);
    *at += strlen(text);
}

/* RFC 8259, 7. */
static inline void access_skip_quoted(const char **at)
{
    access_skip(at, "\"");
    while (**at != '"') {
        assert(**at >= ' ' && **at < 0x7f);
        if (*(*at)++ != '\\')
            continue;
        if (**at == 'u') {
            for (int i = 1; i <= 4; i++)
                assert(isxdigit((unsigned char)(*at)[i]));
            *at += 5;
        } else {
            assert(**at == '"' || **at == '\\');
            *at += 1;
        }
    }
    access_skip(at, "\"");
}

static inline void access_skip_value(const char **at, bool json)
{
    const char *begin = *at;

    if (**at == '"') {
        access_skip_quoted(at);
        return;
    }
    if (json && **at == 'n') {
        access_skip(at, "null");
        return;
    }
    while (json ? isdigit((unsigned char)**at) : **at > ' ' && **at < 0x7f)
        *at += 1;
    assert(*at > begin);
}

static inline void access_check(const struct access_entry *entry, enum log_format format)
{
    bool json = format == LOG_FORMAT_JSON;
    struct buffer line;

    buffer_init(&line);
    access_format(&line, format, entry);
    assert(buffer_len(&line) <= ACCESS_LINE_MAX);
    buffer_append(&line, "", 1);
    const char *at = buffer_data(&line);
    if (json)
        access_skip(&at, "{\"time\":");
    access_skip_value(&at, json);
    for (size_t i = 0; i < ACCESS_NAMES; i++) {
        access_skip(&at, json ? ",\"" : " ");
        access_skip(&at, access_names[i]);
        access_skip(&at, json ? "\":" : "=");
        access_skip_value(&at, json);
    }
    if (json)
        access_skip(&at, "}");
    assert(at == buffer_data(&line) + buffer_len(&line) - 1);
    buffer_destroy(&line);
}

#endif
