#include "config/migrate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/error.h"
#include "config/excerpt.h"
#include "config/migrate_rules.h"
#include "config/options.h"
#include "config/settings.h"
#include "config/text_list.h"

struct line {
    unsigned number;
    char *name, *value; /* value NULL: a [section] of that name */
};

/* The stunnel file, and what is being made of it. */
struct work {
    const char *name;
    struct line *lines;
    size_t count;
    FILE *text, *losses;
};

static void trim(char **start, char *end)
{
    while (isspace((unsigned char)**start))
        (*start)++;
    while (end > *start && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
}

static void add_line(struct work *w, unsigned number, const char *name, const char *value)
{
    struct line *lines = realloc(w->lines, (w->count + 1) * sizeof(*lines));

    if (lines == NULL)
        abort();
    lines[w->count++] =
        (struct line){number, text_copy(name), value != NULL ? text_copy(value) : NULL};
    w->lines = lines;
}

/* One line, which may be changed. */
static bool read_line(struct work *w, char *line, unsigned number, struct error *err)
{
    char *end = line + strlen(line), *equals, *value;

    trim(&line, end);
    if (*line == '\0' || *line == ';' || *line == '#')
        return true;
    end = line + strlen(line);
    if (*line == '[' && end[-1] == ']') {
        end[-1] = '\0';
        add_line(w, number, line + 1, NULL);
        return true;
    }
    equals = strchr(line, '=');
    if (equals == NULL)
        return error_set(err, "%s:%u: '%s' is not of the form 'name = value'", w->name,
            number, excerpt_of_text(line).text);
    value = equals + 1;
    trim(&value, end);
    trim(&line, equals);
    add_line(w, number, line, value);
    return true;
}

static bool read_lines(struct work *w, const char *text, struct error *err)
{
    unsigned number = 0;
    bool good = true;

    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (good && *text != '\0') {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len);

        if (line == NULL)
            abort();
        good = read_line(w, line, ++number, err);
        free(line);
        text += len + (text[len] == '\n');
    }
    return good;
}

static bool is_section(const struct line *line)
{
    return line->value == NULL;
}

/* The line after the last one of the scope that begins at `first`. */
static size_t scope_end(const struct work *w, size_t first)
{
    size_t i = first;

    while (i < w->count && !is_section(&w->lines[i]))
        i++;
    return i;
}

static const struct line *find(
    const struct work *w, size_t first, size_t end, const char *name)
{
    for (size_t i = first; i < end; i++) {
        if (!is_section(&w->lines[i]) && strcasecmp(w->lines[i].name, name) == 0)
            return &w->lines[i];
    }
    return NULL;
}

static struct excerpt shown_value(const struct line *line, bool secret)
{
    return excerpt_of_text(secret ? "(not shown)" : line->value);
}

static void comment(struct work *w, const struct line *line, bool secret,
    const char *verdict, const char *note)
{
    fprintf(w->text, "; line %u: %s = %s: %s%s%s\n", line->number,
        excerpt_of_text(line->name).text, shown_value(line, secret).text, verdict,
        *note != '\0' ? ", " : "", note);
}

static void lose(struct work *w, const struct line *line, bool secret, const char *note)
{
    comment(w, line, secret, "CANNOT BE HAD", note);
    fprintf(w->losses, "%s:%u: %s = %s: %s\n", w->name, line->number,
        excerpt_of_text(line->name).text, shown_value(line, secret).text, note);
}

/* Another line of the scope becomes the same option of ours, and counts. */
static bool is_superseded(const struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct option *option = option_find(rule->ours);

    for (size_t i = first; i < end && !option->repeatable; i++) {
        const struct migrate_rule *other = migrate_rule_find(w->lines[i].name);
        char ignored[MIGRATED_MAX];

        if (i == index || other == NULL || other->ours == NULL ||
            strcmp(other->ours, rule->ours) != 0 ||
            !other->convert(w->lines[i].value, ignored))
            continue;
        if (i > index ? !other->yields : rule->yields && !other->yields)
            return true;
    }
    return false;
}

static bool verifies_clients(const struct work *w, size_t first, size_t end)
{
    static const char *const names[] = {"verify", "verifyChain", "requireCert"};
    char ignored[MIGRATED_MAX];

    for (size_t i = 0; i < 3; i++) {
        const struct line *line = find(w, first, end, names[i]);
        const struct line *global = find(w, 0, scope_end(w, 0), names[i]);

        line = line != NULL ? line : global;
        if (line != NULL && migrate_rule_find(names[i])->convert(line->value, ignored))
            return true;
    }
    return false;
}

static void migrate_option(struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct line *line = &w->lines[index];
    char converted[MIGRATED_MAX];
    bool of_clients = strcmp(rule->ours, "ca") == 0 || strcmp(rule->ours, "crl") == 0;

    if (of_clients && !verifies_clients(w, first, end))
        comment(w, line, false, "not needed", "clients are not asked for a certificate");
    else if (!rule->convert(line->value, converted))
        comment(w, line, false, "not needed", rule->note);
    else if (is_superseded(w, index, first, end, rule))
        comment(w, line, false, "not needed", "another line overrides it");
    else if (option_find(rule->ours)->scope == OPTION_GLOBAL && first > 0)
        lose(w, line, false, "this is an option of the whole proxy: move it to the top");
    else
        fprintf(w->text, "%s = %s\n", rule->ours, converted);
}

/* Both addresses of a service that is chosen by name are its master's. */
static void copy_accept(struct work *w, const char *section, size_t len)
{
    for (size_t i = 0; i < w->count; i++) {
        char converted[MIGRATED_MAX];

        if (!is_section(&w->lines[i]) || strlen(w->lines[i].name) != len ||
            strncmp(w->lines[i].name, section, len) != 0)
            continue;
        for (size_t j = i + 1; j < scope_end(w, i + 1); j++) {
            if (strcasecmp(w->lines[j].name, "accept") == 0 &&
                migrate_rule_find("accept")->convert(w->lines[j].value, converted))
                fprintf(w->text, "accept = %s\n", converted);
        }
    }
}

/* sni = SERVICE:NAME */
static void migrate_sni(struct work *w, const struct line *line)
{
    const char *colon = strchr(line->value, ':');

    if (colon == NULL) {
        lose(w, line, false, "it is not of the form SERVICE:NAME");
        return;
    }
    copy_accept(w, line->value, (size_t)(colon - line->value));
    fprintf(w->text, "sni = %s\n", colon + 1);
}

static void migrate_line(struct work *w, size_t index, size_t first, size_t end)
{
    const struct line *line = &w->lines[index];
    const struct migrate_rule *rule = migrate_rule_find(line->name);

    if (strcasecmp(line->name, "sni") == 0)
        migrate_sni(w, line);
    else if (rule == NULL)
        lose(w, line, true, "this option is not known");
    else if (rule->fate == MIGRATE_TO)
        migrate_option(w, index, first, end, rule);
    else if (rule->fate == MIGRATE_UNUSED)
        comment(w, line, rule->secret, "not needed", rule->note);
    else if (strcasecmp(line->value, "no") == 0)
        comment(w, line, rule->secret, "not needed", "");
    else
        lose(w, line, rule->secret, rule->note);
}

static void migrate_scope(struct work *w, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        migrate_line(w, i, first, end);
}

static void print_section(struct work *w, const char *name)
{
    fputs("\n[", w->text);
    for (const char *c = name; *c != '\0'; c++)
        fputc(isalnum((unsigned char)*c) || strchr("_-.", *c) ? *c : '_', w->text);
    fputs("]\n", w->text);
}

static void migrate_section(struct work *w, size_t first, size_t end)
{
    const struct line *section = &w->lines[first - 1];
    const struct line *client = find(w, first, end, "client");

    if (client == NULL)
        client = find(w, 0, scope_end(w, 0), "client");
    if (client != NULL && migrate_is_yes(client->value)) {
        fprintf(w->text, "\n; [%s] of line %u: CANNOT BE HAD, it is a TLS client\n",
            excerpt_of_text(section->name).text, section->number);
        fprintf(w->losses, "%s:%u: [%s] is a TLS client: wlbproxy is a server only\n",
            w->name, section->number, excerpt_of_text(section->name).text);
        return;
    }
    print_section(w, section->name);
    migrate_scope(w, first, end);
    fputs("protocol = http ; or tcp, if it speaks something else\n", w->text);
}

static void migrate_all(struct work *w)
{
    size_t end = scope_end(w, 0);

    fprintf(w->text, "; wlbproxy's configuration, from stunnel's %s\n\n", w->name);
    migrate_scope(w, 0, end);
    while (end < w->count) {
        size_t first = end + 1;

        end = scope_end(w, first);
        migrate_section(w, first, end);
    }
}

static bool is_valid(const char *text, const char *name, struct error *err)
{
    struct settings *settings = settings_parse(text, "line", err);

    settings_free(settings);
    if (settings != NULL)
        return true;
    return error_context(err, "what was made of %s still needs a hand", name);
}

static void free_lines(struct work *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->lines[i].name);
        free(w->lines[i].value);
    }
    free(w->lines);
}

bool migrate_stunnel(
    const char *text, const char *name, struct migration *migration, struct error *err)
{
    struct work w = {.name = name};
    size_t text_len, losses_len;
    bool good = read_lines(&w, text, err);

    *migration = (struct migration){0};
    if (good) {
        w.text = open_memstream(&migration->text, &text_len);
        w.losses = open_memstream(&migration->losses, &losses_len);
        if (w.text == NULL || w.losses == NULL)
            abort();
        migrate_all(&w);
        if (fclose(w.text) != 0 || fclose(w.losses) != 0)
            abort();
        good = is_valid(migration->text, name, err);
    }
    free_lines(&w);
    return good;
}

void migration_destroy(struct migration *migration)
{
    free(migration->text);
    free(migration->losses);
    *migration = (struct migration){0};
}
