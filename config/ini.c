#include "config/ini.h"

#include <ctype.h>
#include <ini.h>
#include <string.h>

#include "config/excerpt.h"
#include "proxy/base/error.h"

struct reading {
    const char *next; /* the first byte not yet read */
    const struct ini_events *events;
    void *owner;
    struct error *err;
    unsigned line;
    bool failed;
};

static bool line_is_text(const char *start, size_t len, size_t limit, struct error *err)
{
    if (len > limit)
        return error_set(err, "the line is longer than %zu bytes", limit);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)start[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return error_set(err,
                "control byte 0x%02x at column %zu: this is not plain text", byte, i + 1);
    }
    return true;
}

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
            return false;
    }
    return len > 0;
}

/* "[name]" and perhaps a comment; `start` is at the bracket. */
static bool read_section(struct reading *r, const char *start, size_t len)
{
    const char *close = memchr(start, ']', len);
    const char *end = start + len;
    char name[INI_SECTION_MAX + 1];
    size_t name_len;

    if (close == NULL)
        return error_set(
            r->err, "'%s' lacks its closing ']'", excerpt_of(start, len).text);
    name_len = (size_t)(close - start - 1);
    if (name_len > INI_SECTION_MAX)
        return error_set(
            r->err, "a section's name has at most %d letters", INI_SECTION_MAX);
    if (!is_name(start + 1, name_len))
        return error_set(r->err,
            "'%s' is no section: its name is made of letters, digits, '_', '-' and '.'",
            excerpt_of(start, len).text);
    for (const char *rest = close + 1; rest < end && *rest != ';' && *rest != '#';
         rest++) {
        if (!isspace((unsigned char)*rest))
            return error_set(r->err, "'%s' stands after the section's name",
                excerpt_of(rest, (size_t)(end - rest)).text);
    }
    memcpy(name, start + 1, name_len);
    name[name_len] = '\0';
    return r->events->section(r->owner, name, r->line, r->err);
}

/* Skips one line of the text and returns it, trimmed. */
static const char *take_line(struct reading *r, size_t *len)
{
    const char *start = r->next;
    const char *end = start + strcspn(start, "\n");

    r->next = *end == '\n' ? end + 1 : end;
    r->line++;
    if (r->line == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    if (end > start && end[-1] == '\r')
        end--;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    *len = (size_t)(end - start);
    return start;
}

/* Replaces inih's fgets(): gives one line at a time, in a form that inih cannot
 * misread. */
static char *next_line(char *line, int capacity, void *stream)
{
    struct reading *r = stream;
    const char *start;
    size_t len, limit = (size_t)capacity - sizeof("\n");

    if (r->failed || *r->next == '\0')
        return NULL;
    start = take_line(r, &len);
    if (limit > INI_LINE_MAX)
        limit = INI_LINE_MAX;
    r->failed = !line_is_text(start, len, limit, r->err) ||
        (*start == '[' && !read_section(r, start, len));
    if (r->failed)
        return NULL;
    memcpy(line, start, len);
    strcpy(line + len, "\n");
    return line;
}

static bool read_pair(struct reading *r, const char *name, const char *value)
{
    if (value == NULL || strpbrk(name, " \t") != NULL)
        return error_set(
            r->err, "'%s' is not of the form 'name = value'", excerpt_of_text(name).text);
    if (*name == '\0')
        return error_set(r->err, "there is no name before the '='");
    if (*value == '\0')
        return error_set(
            r->err, "%s: there is no value after the '='", excerpt_of_text(name).text);
    return r->events->pair(r->owner, name, value, r->line, r->err);
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;

    (void)section;
    if (!r->failed)
        r->failed = !read_pair(r, name, value);
    return 1;
}

/* Debian's inih takes these at run time; elsewhere they are fixed when it is built. */
static void configure_inih(void)
{
    static char comments[] = ";#";

    ini_use_stack = false;
    ini_initial_alloc = INI_LINE_MAX + 8;
    ini_max_line = INI_LINE_MAX + 8;
    ini_allow_multiline = false;
    ini_allow_bom = false;
    ini_allow_no_value = true;
    ini_allow_inline_comments = true;
    ini_start_comment_prefixes = comments;
    ini_inline_comment_prefixes = comments;
}

bool ini_read(const char *text, const char *name, const struct ini_events *events,
    void *owner, struct error *err)
{
    struct reading r = {.next = text, .events = events, .owner = owner, .err = err};

    configure_inih();
    if (ini_parse_stream(next_line, &r, on_pair, &r) < 0)
        return error_set(err, "%s: out of memory", name);
    if (r.failed)
        return error_context(err, "%s:%u", name, r.line);
    return true;
}
