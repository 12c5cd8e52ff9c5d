#include "config/stunnel_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/excerpt.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

static void trim(char **start, char *end)
{
    while (isspace((unsigned char)**start))
        (*start)++;
    while (end > *start && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
}

static void add_line(
    struct stunnel_text *t, unsigned number, const char *name, const char *value)
{
    struct stunnel_line *lines = memory_resize(t->lines, t->count + 1, sizeof(*lines));

    lines[t->count++] = (struct stunnel_line){
        number, memory_text(name), value != NULL ? memory_text(value) : NULL};
    t->lines = lines;
}

/* All errors are reported at once, as far as there is room. */
static bool add_error(
    struct error *err, const char *name, unsigned number, const char *line)
{
    size_t len = strlen(err->text);

    (void)snprintf(err->text + len, sizeof(err->text) - len,
        "%s%s:%u: '%s' is not of the form 'name = value'", len > 0 ? "\n" : "", name,
        number, excerpt_of_text(line).text);
    return false;
}

/* The program that the configuration belongs to, if it is not stunnel's; NULL: none that
 * we know. */
static const char *foreign_program(const char *text)
{
    static const struct {
        const char *sign, *program;
    } signs[] = {{"server {", "nginx"}, {"http {", "nginx"},
        {"ssl_certificate ", "nginx"}, {"pem-file", "hitch"}, {"pem-dir", "hitch"},
        {"frontend = ", "hitch"}, {"<VirtualHost", "Apache"},
        {"SSLCertificateFile", "Apache"}, {"\n\tbind ", "HAProxy"},
        {"\n    bind ", "HAProxy"}, {"\ndefaults\n", "HAProxy"}};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strstr(text, signs[i].sign) != NULL)
            return signs[i].program;
    }
    return NULL;
}

/* Reads one line, which may be changed. */
static bool read_line(
    struct stunnel_text *t, char *line, unsigned number, struct error *err)
{
    char *end = line + strlen(line), *equals, *value;

    trim(&line, end);
    if (*line == '\0' || *line == ';' || *line == '#')
        return true;
    end = line + strlen(line);
    if (*line == '[' && end[-1] == ']') {
        end[-1] = '\0';
        add_line(t, number, line + 1, NULL);
        return true;
    }
    equals = strchr(line, '=');
    if (equals == NULL)
        return add_error(err, t->name, number, line);
    value = equals + 1;
    trim(&value, end);
    trim(&line, equals);
    add_line(t, number, line, value);
    return true;
}

bool stunnel_text_parse(struct stunnel_text *t, const char *text, struct error *err)
{
    const char *program = foreign_program(text);
    unsigned number = 0;
    bool good = true;

    if (program != NULL)
        return error_set(
            err, "%s: this is a configuration of %s, not of stunnel", t->name, program);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    err->text[0] = '\0';
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char *line = memory_text_part(text, len);

        good = read_line(t, line, ++number, err) && good;
        free(line);
        text += len + (text[len] == '\n');
    }
    return good;
}

void stunnel_text_destroy(struct stunnel_text *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->lines[i].name);
        free(t->lines[i].value);
    }
    free(t->lines);
    t->lines = NULL;
    t->count = 0;
}

bool stunnel_line_is_section(const struct stunnel_line *line)
{
    return line->value == NULL;
}

size_t stunnel_scope_end(const struct stunnel_text *t, size_t first)
{
    size_t i = first;

    while (i < t->count && !stunnel_line_is_section(&t->lines[i]))
        i++;
    return i;
}

static const struct stunnel_line *find_here(
    const struct stunnel_text *t, size_t first, size_t end, const char *name)
{
    for (size_t i = first; i < end; i++) {
        if (strcasecmp(t->lines[i].name, name) == 0)
            return &t->lines[i];
    }
    return NULL;
}

const struct stunnel_line *stunnel_find(
    const struct stunnel_text *t, size_t first, size_t end, const char *name)
{
    const struct stunnel_line *line = find_here(t, first, end, name);

    return line != NULL ? line : find_here(t, 0, stunnel_scope_end(t, 0), name);
}
