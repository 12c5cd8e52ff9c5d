#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/options.h"
#include "proxy/base/memory.h"

enum { COLUMNS = 79, VALUES_MAX = 160 };

static const char *const scope_titles[] = {
    [OPTION_GLOBAL] = "Of the whole proxy (before the first [section])",
    [OPTION_SERVICE] = "Of a service (in its [section]; before the first one: of all)",
};

static void print_range(const struct option *option, FILE *out)
{
    const struct option_limits *limits = &option->limits;

    if (!option->type->has_unit) {
        fprintf(out, "%" PRIu64 " to %" PRIu64, limits->min, limits->max);
        return;
    }
    option->type->print(&limits->min, limits, out);
    fputs(" to ", out);
    option->type->print(&limits->max, limits, out);
}

static void print_words(const char *const *words, const char *last, FILE *out)
{
    assert(words != NULL);
    for (size_t i = 0; words[i] != NULL; i++) {
        bool is_last = words[i + 1] == NULL && last == NULL;

        fprintf(out, "%s%s", i == 0 ? "" : (is_last ? " or " : ", "), words[i]);
    }
    if (last != NULL)
        fprintf(out, " or %s", last);
}

static void print_values(const struct option *option, FILE *out)
{
    const struct option_type *type = option->type;

    if (type == &type_count || type->has_unit)
        print_range(option, out);
    if (type == &type_count && option->limits.words != NULL)
        fprintf(out, " or %s", option->limits.words[0]);
    if (type == &type_choice || type == &type_word)
        print_words(option->limits.words, NULL, out);
    if (type == &type_path)
        print_words(option->limits.words, "a path", out);
    if (type == &type_file)
        fputs("none or a path", out);
    if (type == &type_host)
        fputs("none or a host name", out);
    if (type == &type_token || type == &type_listen || type == &type_flag ||
        type == &type_health || option->repeatable)
        fputs(type->name, out);
    if (option->repeatable)
        fputs("; repeatable", out);
}

static void values_text(const struct option *option, char *text, size_t size)
{
    FILE *out = memory_checked(fmemopen(text, size, "w"));

    print_values(option, out);
    fclose(out);
    text[size - 1] = '\0';
}

static void print_wrapped(const char *text, size_t indent, FILE *out)
{
    while (*text != '\0') {
        size_t room = COLUMNS - indent, len = strlen(text);

        if (len > room) {
            for (len = room; len > 0 && text[len] != ' '; len--)
                ;
            if (len == 0)
                len = strcspn(text, " ");
        }
        fprintf(out, "%*s%.*s\n", (int)indent, "", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

/* An OpenSSL list has no spaces to wrap at, so it may break after a colon. */
static void print_default(const char *text, FILE *out)
{
    enum { INDENT = 10, ROOM = COLUMNS - INDENT };

    if (strlen(text) <= ROOM - 20) {
        fprintf(out, " = %s\n", text);
        return;
    }
    fputs(" =\n", out);
    while (*text != '\0') {
        size_t len = strlen(text);

        while (len > ROOM || (len > 1 && text[len] != '\0' && text[len - 1] != ':'))
            len--;
        fprintf(out, "%*s%.*s\n", INDENT, "", (int)len, text);
        text += len;
    }
}

static void print_text(const struct option *option, FILE *out)
{
    char values[VALUES_MAX] = "";

    values_text(option, values, sizeof(values));
    fprintf(out, "  %s", option->name);
    if (option->default_text != NULL)
        print_default(option->default_text, out);
    else
        fputc('\n', out);
    print_wrapped(option->help, 6, out);
    fprintf(out, "      (%s)\n", values);
}

static void print_markdown(const struct option *option, FILE *out)
{
    char values[VALUES_MAX] = "";

    values_text(option, values, sizeof(values));
    fprintf(out, "| `%s` | ", option->name);
    if (option->default_text != NULL)
        fprintf(out, "`%s`", option->default_text);
    fprintf(out, " | %s | %s |\n", values, option->help);
}

static void print_roff(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_man(const struct option *option, FILE *out)
{
    char values[VALUES_MAX] = "";

    values_text(option, values, sizeof(values));
    fprintf(out, ".TP\n.B %s\n", option->name);
    print_roff(option->help, out);
    fputs(".\n.br\n", out);
    print_roff(values, out);
    if (option->default_text == NULL) {
        fputs(".\n", out);
        return;
    }
    fputs("; default:\n.I ", out);
    for (const char *c = option->default_text; *c != '\0'; c++) {
        print_roff((const char[]){*c, '\0'}, out);
        if (*c == ':')
            fputs("\\:", out); /* a line may break here */
    }
    fputc('\n', out);
}

static void print_title(enum option_scope scope, enum option_format format, FILE *out)
{
    if (format == OPTIONS_MARKDOWN)
        fprintf(out,
            "%s**%s**\n\n| option | default | values | meaning |\n|---|---|---|---|\n",
            scope == OPTION_GLOBAL ? "" : "\n", scope_titles[scope]);
    else if (format == OPTIONS_MAN)
        fprintf(out, ".SS \"%s\"\n", scope_titles[scope]);
    else
        fprintf(
            out, "%s%s:\n\n", scope == OPTION_GLOBAL ? "" : "\n", scope_titles[scope]);
}

void options_print(enum option_format format, FILE *out)
{
    static void (*const printers[])(const struct option *, FILE *) = {
        [OPTIONS_TEXT] = print_text,
        [OPTIONS_MARKDOWN] = print_markdown,
        [OPTIONS_MAN] = print_man,
    };

    for (enum option_scope scope = OPTION_GLOBAL; scope <= OPTION_SERVICE; scope++) {
        print_title(scope, format, out);
        for (size_t i = 0; i < option_count(); i++) {
            if (option_at(i)->scope == scope)
                printers[format](option_at(i), out);
        }
    }
}
