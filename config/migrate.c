#include "config/migrate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/migrate_output.h"
#include "config/migrate_rules.h"
#include "config/migrate_service.h"
#include "config/options.h"
#include "config/settings.h"
#include "config/stunnel_text.h"
#include "config/wrap.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* The stunnel file, and the migration made of it. */
struct work {
    struct stunnel_text from;
    struct migrate_output out;
    unsigned services; /* services written so far */
};

/* ---- one line ---- */

/* Another line of the service becomes the same option of ours, and takes precedence. */
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

static void convert(struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct stunnel_line *line = &w->from.lines[index];
    char converted[MIGRATED_MAX];

    if (!rule->convert(line->value, converted))
        migrate_comment(&w->out, line, "not needed", rule->note);
    else if (is_superseded(w, index, first, end, rule))
        migrate_comment(&w->out, line, "not needed", "another line overrides it");
    else
        fprintf(w->out.text, "%s = %s\n", rule->ours, converted);
}

static bool says_no(const struct stunnel_line *line)
{
    return strcasecmp(line->value, "no") == 0;
}

/* Migrates a line that is not about TLS, verification or names. */
static void migrate_plain(struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct stunnel_line *line = &w->from.lines[index];

    if (rule->fate == MIGRATE_TO)
        convert(w, index, first, end, rule);
    else if (rule->fate == MIGRATE_UNUSED)
        migrate_comment(&w->out, line, "not needed", rule->note);
    else if (says_no(line))
        migrate_comment(&w->out, line, "not needed", "");
    else
        migrate_lose(&w->out, line, rule->note);
}

/* ---- names of services behind one address ---- */

/* A service that is chosen by name has the address of its parent. */
static bool copy_accept(struct work *w, const char *section, size_t len)
{
    bool found = false;

    for (size_t i = 0; i < w->from.count; i++) {
        char converted[MIGRATED_MAX];

        if (!stunnel_line_is_section(&w->from.lines[i]) ||
            strlen(w->from.lines[i].name) != len ||
            strncmp(w->from.lines[i].name, section, len) != 0)
            continue;
        for (size_t j = i + 1; j < stunnel_scope_end(&w->from, i + 1); j++) {
            if (strcasecmp(w->from.lines[j].name, "accept") != 0 ||
                !migrate_rule_find("accept")->convert(w->from.lines[j].value, converted))
                continue;
            fprintf(w->out.text, "accept = %s\n", converted);
            found = true;
        }
    }
    return found;
}

/* sni = SERVICE:NAME */
static void migrate_sni(struct work *w, const struct stunnel_line *line)
{
    const char *colon = strchr(line->value, ':');

    if (!copy_accept(w, line->value, (size_t)(colon - line->value)))
        migrate_lose(&w->out, line, "there is no such service with an address");
    fprintf(w->out.text, "sni = %s\n", colon + 1);
}

/* ---- a service ---- */

static bool has_word(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* Of an accept or connect line; NULL: there is none. */
static bool has_port_of_http(const struct stunnel_line *line)
{
    static const unsigned ports[] = {80, 443, 8000, 8008, 8012, 8013, 8014, 8080, 8443};
    const char *colon;
    unsigned port;

    if (line == NULL || *line->value == '/')
        return false;
    colon = strrchr(line->value, ':');
    port = migrate_port(colon != NULL ? colon + 1 : line->value);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        if (port == ports[i])
            return true;
    }
    return false;
}

/* A service is tcp, unless its port or its name says that it is HTTP. */
static bool is_http(const struct migrate_service *s, const char *name)
{
    return has_word(name, "http") || has_word(name, "wlb") || has_word(name, "soap") ||
        has_word(name, "rest") || has_port_of_http(migrate_find(s, "accept")) ||
        has_port_of_http(migrate_find(s, "connect"));
}

struct obstacles {
    struct migrate_obstacle of[2 * OBSTACLES_MAX];
    unsigned count;
};

static void object(
    struct obstacles *all, const struct stunnel_line *line, const char *why)
{
    if (all->count < 2 * OBSTACLES_MAX)
        all->of[all->count++] = (struct migrate_obstacle){line, why};
}

static bool is_obstacle(const struct migrate_rule *rule, const struct stunnel_line *line)
{
    char ignored[MIGRATED_MAX];

    return (rule->fate == MIGRATE_REFUSED && !says_no(line)) ||
        (rule->must_convert && !rule->convert(line->value, ignored));
}

static void look_for_obstacle(const struct stunnel_line *line, struct obstacles *all)
{
    const struct migrate_rule *rule = migrate_rule_find(line->name);

    if (strcasecmp(line->name, "sni") == 0 && strchr(line->value, ':') == NULL)
        object(all, line, "it is not of the form SERVICE:NAME");
    else if (rule != NULL && is_obstacle(rule, line))
        object(all, line, rule->note);
}

/* A global option applies to a service whose section has no such line. */
static bool is_inherited(
    const struct work *w, const struct migrate_service *s, size_t index)
{
    const char *name = w->from.lines[index].name;
    const struct migrate_rule *rule = migrate_rule_find(name);

    return rule != NULL && !rule->global && migrate_find(s, name) != NULL &&
        (size_t)(migrate_find(s, name) - w->from.lines) < s->first;
}

static void collect_obstacles(
    const struct work *w, const struct migrate_service *s, struct obstacles *all)
{
    const struct stunnel_line *section = &w->from.lines[s->first - 1];

    for (size_t i = 0; i < stunnel_scope_end(&w->from, 0); i++) {
        if (is_inherited(w, s, i))
            look_for_obstacle(&w->from.lines[i], all);
    }
    for (size_t i = s->first; i < s->end; i++)
        look_for_obstacle(&w->from.lines[i], all);
    for (unsigned i = 0; i < s->verify.obstacle_count; i++)
        object(all, s->verify.obstacles[i].line, s->verify.obstacles[i].why);
    if (migrate_find(s, "accept") == NULL && migrate_find(s, "sni") == NULL)
        object(all, section, "it has no accept");
    if (migrate_find(s, "connect") == NULL && migrate_find(s, "exec") == NULL)
        object(all, section, "it has no connect");
    if (migrate_find(s, "cert") == NULL)
        object(all, section, "it has no cert");
}

static void print_section(struct work *w, const char *name)
{
    fputs("\n[", w->out.text);
    for (const char *c = name; *c != '\0'; c++)
        fputc(isalnum((unsigned char)*c) || strchr("_-.", *c) ? *c : '_', w->out.text);
    fputs("]\n", w->out.text);
}

static void write_line(struct work *w, const struct migrate_service *s, size_t index)
{
    const struct stunnel_line *line = &w->from.lines[index];
    const struct migrate_rule *rule = migrate_rule_find(line->name);
    bool inherited = index < s->first;

    if (strcasecmp(line->name, "sni") == 0)
        migrate_sni(w, line);
    else if (rule == NULL)
        migrate_lose(&w->out, line, "this option is not known");
    else if (rule->global)
        migrate_lose(
            &w->out, line, "this is an option of the whole proxy: move it to the top");
    else if (rule->fate == MIGRATE_TO && inherited)
        convert(w, index, 0, stunnel_scope_end(&w->from, 0), rule);
    else if (rule->fate == MIGRATE_VERIFY && !s->verify.asks)
        migrate_comment(
            &w->out, line, "not needed", "clients are not asked for a certificate");
    else if (rule->fate != MIGRATE_VERIFY && rule->fate != MIGRATE_TLS &&
        rule->fate != MIGRATE_BY_PROTOCOL)
        migrate_plain(w, index, s->first, s->end, rule);
}

static void write_service(struct work *w, const struct migrate_service *s)
{
    print_section(w, w->from.lines[s->first - 1].name);
    w->services++;
    for (size_t i = 0; i < stunnel_scope_end(&w->from, 0); i++) {
        if (is_inherited(w, s, i))
            write_line(w, s, i);
    }
    for (size_t i = s->first; i < s->end; i++)
        write_line(w, s, i);
    migrate_service_write(&w->out, s);
}

static bool is_client(const struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *line = stunnel_find(&w->from, first, end, "client");

    return line != NULL && migrate_is_yes(line->value);
}

static void migrate_section(struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *section = &w->from.lines[first - 1];
    struct migrate_service s = {.from = &w->from, .first = first, .end = end};
    struct obstacles obstacles = {.count = 0};

    if (is_client(w, first, end)) {
        object(&obstacles, section,
            "its clients speak plain TCP, and wlbproxy serves TLS alone; a service that "
            "does may connect by TLS: connect = tls:HOST:PORT");
    } else {
        migrate_verify_read(&s.verify, &w->from, first, end);
        migrate_tls_read(&s.tls, &w->from, first, end);
        s.is_http = is_http(&s, section->name);
        collect_obstacles(w, &s, &obstacles);
    }
    if (obstacles.count > 0) {
        fputc('\n', w->out.text);
        for (unsigned i = 0; i < obstacles.count; i++)
            migrate_leave_out(&w->out, section, &obstacles.of[i]);
    } else {
        write_service(w, &s);
    }
}

/* ---- the whole ---- */

static void migrate_global(struct work *w, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        const struct stunnel_line *line = &w->from.lines[i];
        const struct migrate_rule *rule = migrate_rule_find(line->name);

        if (rule == NULL)
            migrate_lose(&w->out, line, "this option is not known");
        else if (rule->global)
            migrate_plain(w, i, 0, end, rule);
    }
}

/* Without sections the file describes one service, started by inetd or XAPI. */
static void refuse_without_sections(struct work *w)
{
    const char *why = is_client(w, 0, w->from.count)
        ? "this is a TLS client whose own clients speak plain TCP: wlbproxy serves TLS "
          "alone"
        : "there is no [section]: inetd mode, which wlbproxy does not have";

    char text[MIGRATE_NOTE_MAX];

    print_wrapped_comment(w->out.text, "; CANNOT BE HAD: ", why);
    (void)snprintf(text, sizeof(text), "%s: %s", w->from.name, why);
    print_wrapped_comment(w->out.losses, "", text);
}

static void migrate_all(struct work *w)
{
    char title[MIGRATE_NOTE_MAX];
    size_t end = stunnel_scope_end(&w->from, 0);

    (void)snprintf(title, sizeof(title), "wlbproxy's configuration, from stunnel's %s",
        w->from.name);
    print_wrapped_comment(w->out.text, "; ", title);
    fputc('\n', w->out.text);
    if (end == w->from.count) {
        refuse_without_sections(w);
    } else {
        migrate_global(w, end);
        while (end < w->from.count) {
            size_t first = end + 1;

            end = stunnel_scope_end(&w->from, first);
            migrate_section(w, first, end);
        }
    }
    /* An empty configuration would serve the defaults for the appliance. */
    if (w->services == 0)
        fputs("\nno_service_is_left = every one of them was left out\n", w->out.text);
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
    struct work w = {.from.name = name, .out.name = name};
    size_t text_len, losses_len;
    bool good = stunnel_text_parse(&w.from, text, err);

    *migration = (struct migration){0};
    if (good) {
        w.out.text = memory_stream(&migration->text, &text_len);
        w.out.losses = memory_stream(&migration->losses, &losses_len);
        migrate_all(&w);
        memory_stream_close(w.out.text);
        memory_stream_close(w.out.losses);
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
