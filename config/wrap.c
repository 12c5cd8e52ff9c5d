#include "config/wrap.h"

#include <string.h>

/* Longer than any path that somebody would copy. */
enum { WORD_MAX = 300 };

/* Returns how much of the text goes into a line: up to a space; else, in a list, up to a
 * comma; else a whole word. */
static size_t line_length(const char *text, size_t room)
{
    size_t len = strlen(text);

    if (len <= room)
        return len;
    for (len = room; len > 0 && text[len] != ' '; len--)
        ;
    if (len > 0)
        return len;
    for (len = room; len > 0 && text[len - 1] != ','; len--)
        ;
    return len > 0 ? len : strcspn(text, " ,") + (text[strcspn(text, " ,")] == ',');
}

static void print_line(FILE *out, const char *text, size_t len)
{
    int part = 30;

    if (len <= WORD_MAX) {
        fprintf(out, "%.*s\n", (int)len, text);
        return;
    }
    while ((text[part] & 0xc0) == 0x80 && part > 0) /* within a character of UTF-8 */
        part--;
    fprintf(out, "%.*s... (%zu characters)\n", part, text, len);
}

static void print_lines(FILE *out, const char *first, const char *rest, const char *text)
{
    const char *lead = first;

    do {
        size_t len = line_length(text, PRINT_COLUMNS - strlen(lead));

        fputs(lead, out);
        print_line(out, text, len);
        text += len;
        text += strspn(text, " ");
        lead = rest;
    } while (*text != '\0');
}

void print_wrapped(FILE *out, const char *lead, const char *text)
{
    char blank[PRINT_COLUMNS];

    (void)snprintf(blank, sizeof(blank), "%*s", (int)strlen(lead), "");
    print_lines(out, lead, blank, text);
}

void print_wrapped_comment(FILE *out, const char *lead, const char *text)
{
    print_lines(out, lead, lead, text);
}
