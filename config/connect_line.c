#include "config/connect_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/endpoint.h"
#include "config/endpoint_text.h"
#include "config/excerpt.h"
#include "config/settings.h"
#include "proxy/base/error.h"

static bool parse_weight(const char *digits, struct connect_line *line, struct error *err)
{
    size_t len = strlen(digits);
    unsigned long weight =
        len > 0 && len <= 3 && digits[strspn(digits, "0123456789")] == '\0'
        ? strtoul(digits, NULL, 10)
        : 0;

    line->weight = (uint32_t)weight;
    return (weight >= 1 && weight <= CONNECT_WEIGHT_MAX) ||
        error_set(err, "'%s': a weight is a number from 1 to %d",
            excerpt_of_text(digits).text, CONNECT_WEIGHT_MAX);
}

static bool parse_word(const char *word, struct connect_line *line, struct error *err)
{
    if (strncmp(word, "weight=", 7) == 0)
        return parse_weight(word + 7, line, err);
    line->backup = strcmp(word, "backup") == 0;
    return line->backup ||
        error_set(err,
            "'%s' is not one of the words that may follow an address: weight=N, backup",
            excerpt_of_text(word).text);
}

/* A path may have blanks in it: only known words are taken off a unix socket's line. */
static bool is_part_of_path(const char *text, const char *word)
{
    return strncmp(text, "unix:", 5) == 0 && strncmp(word, "weight=", 7) != 0 &&
        strcmp(word, "backup") != 0;
}

/* "tls://" is the beginning of a URL, which is told as such. */
static bool begins_with_tls(const char *text)
{
    return strncmp(text, "tls:", 4) == 0 && strncmp(text, "tls://", 6) != 0;
}

bool connect_line_parse(const char *text, struct connect_line *line, struct error *err)
{
    char *blank;

    *line = (struct connect_line){.weight = 1, .tls = begins_with_tls(text)};
    text += line->tls ? strlen("tls:") : 0;
    if (strlen(text) >= sizeof(line->address))
        return error_set(err, "'%s' is longer than %zu bytes", excerpt_of_text(text).text,
            sizeof(line->address) - 1);
    strcpy(line->address, text);
    while ((blank = strrchr(line->address, ' ')) != NULL) {
        if (is_part_of_path(text, blank + 1))
            break;
        if (blank[1] != '\0' && !parse_word(blank + 1, line, err))
            return false;
        *blank = '\0';
    }
    return endpoint_check(line->address, ENDPOINT_CONNECT, err);
}

void connect_line_host(const struct connect_line *line, char *host, size_t size)
{
    struct endpoint_text parts;
    struct error ignored;

    host[0] = '\0';
    if (!endpoint_parse(line->address, ENDPOINT_CONNECT, &parts, &ignored) ||
        parts.kind == ENDPOINT_UNIX)
        return;
    (void)snprintf(host, size, "%.*s", (int)strcspn(parts.host, "%"), parts.host);
}

uint16_t connect_line_port(const struct connect_line *line)
{
    struct endpoint_text parts;
    struct error ignored;
    bool has_port = endpoint_parse(line->address, ENDPOINT_CONNECT, &parts, &ignored) &&
        parts.kind != ENDPOINT_UNIX;

    return has_port ? parts.port : 0;
}

bool connect_lines_have_tls(const struct text_list *connect)
{
    for (size_t i = 0; i < connect->count; i++) {
        if (begins_with_tls(connect->items[i]))
            return true;
    }
    return false;
}
