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
#include "config/stunnel_text.h"

/* The stunnel file, and what is being made of it. */
struct work {
    struct stunnel_text from;
    FILE *text, *losses;
};

static struct excerpt shown_value(const struct stunnel_line *line, bool secret)
{
    return excerpt_of_text(secret ? "(not shown)" : line->value);
}

static void comment(struct work *w, const struct stunnel_line *line, bool secret,
    const char *verdict, const char *note)
{
    fprintf(w->text, "; line %u: %s = %s: %s%s%s\n", line->number,
        excerpt_of_text(line->name).text, shown_value(line, secret).text, verdict,
        *note != '\0' ? ", " : "", note);
}

static void lose(
    struct work *w, const struct stunnel_line *line, bool secret, const char *note)
{
    comment(w, line, secret, "CANNOT BE HAD", note);
    fprintf(w->losses, "%s:%u: %s = %s: %s\n", w->from.name, line->number,
        excerpt_of_text(line->name).text, shown_value(line, secret).text, note);
}

/* Another line of the scope becomes the same option of ours, and counts. */
static bool is_superseded(const struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct option *option = option_find(rule->ours);

    for (size_t i = first; i < end && !option->repeatable; i++) {
        const struct migrate_rule *other = migrate_rule_find(w->from.lines[i].name);
        char ignored[MIGRATED_MAX];

        if (i == index || other == NULL || other->ours == NULL ||
            strcmp(other->ours, rule->ours) != 0 ||
            !other->convert(w->from.lines[i].value, ignored))
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
        const struct stunnel_line *line = stunnel_find(&w->from, first, end, names[i]);

        if (line != NULL && migrate_rule_find(names[i])->convert(line->value, ignored))
            return true;
    }
    return false;
}

static void migrate_option(struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct stunnel_line *line = &w->from.lines[index];
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
    for (size_t i = 0; i < w->from.count; i++) {
        char converted[MIGRATED_MAX];

        if (!stunnel_line_is_section(&w->from.lines[i]) ||
            strlen(w->from.lines[i].name) != len ||
            strncmp(w->from.lines[i].name, section, len) != 0)
            continue;
        for (size_t j = i + 1; j < stunnel_scope_end(&w->from, i + 1); j++) {
            if (strcasecmp(w->from.lines[j].name, "accept") == 0 &&
                migrate_rule_find("accept")->convert(w->from.lines[j].value, converted))
                fprintf(w->text, "accept = %s\n", converted);
        }
    }
}

/* sni = SERVICE:NAME */
static void migrate_sni(struct work *w, const struct stunnel_line *line)
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
    const struct stunnel_line *line = &w->from.lines[index];
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

/* What stands before the first section goes for all that do not say otherwise. */
static bool is_client(const struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *own = stunnel_find(&w->from, first, end, "client");

    if (own == NULL)
        own = stunnel_find(&w->from, 0, stunnel_scope_end(&w->from, 0), "client");
    return own != NULL && migrate_is_yes(own->value);
}

/* Without sections, as inetd and XAPI start it. */
static void refuse_client(struct work *w)
{
    fputs("; CANNOT BE HAD, it is a TLS client\n", w->text);
    fprintf(
        w->losses, "%s: this is a TLS client: wlbproxy is a server only\n", w->from.name);
}

static void migrate_section(struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *section = &w->from.lines[first - 1];

    if (is_client(w, first, end)) {
        fprintf(w->text, "\n; [%s] of line %u: CANNOT BE HAD, it is a TLS client\n",
            excerpt_of_text(section->name).text, section->number);
        fprintf(w->losses, "%s:%u: [%s] is a TLS client: wlbproxy is a server only\n",
            w->from.name, section->number, excerpt_of_text(section->name).text);
        return;
    }
    print_section(w, section->name);
    migrate_scope(w, first, end);
    fputs("protocol = http ; or tcp, if it speaks something else\n", w->text);
}

static void migrate_all(struct work *w)
{
    size_t end = stunnel_scope_end(&w->from, 0);

    fprintf(w->text, "; wlbproxy's configuration, from stunnel's %s\n\n", w->from.name);
    if (end == w->from.count && is_client(w, 0, end)) {
        refuse_client(w);
        return;
    }
    migrate_scope(w, 0, end);
    while (end < w->from.count) {
        size_t first = end + 1;

        end = stunnel_scope_end(&w->from, first);
        migrate_section(w, first, end);
    }
}

static bool is_valid(const char *text, const char *name, struct error *err)
{
    struct settings *settings = settings_parse(text, "output", err);

    settings_free(settings);
    if (settings != NULL)
        return true;
    return error_context(err, "what was made of %s still needs a hand", name);
}

bool migrate_stunnel(
    const char *text, const char *name, struct migration *migration, struct error *err)
{
    struct work w = {.from.name = name};
    size_t text_len, losses_len;
    bool good = stunnel_text_parse(&w.from, text, err);

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
    stunnel_text_destroy(&w.from);
    return good;
}

void migration_destroy(struct migration *migration)
{
    free(migration->text);
    free(migration->losses);
    *migration = (struct migration){0};
}
