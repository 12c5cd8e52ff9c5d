#include "config/migrate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/excerpt.h"
#include "config/migrate_rules.h"
#include "config/migrate_tls.h"
#include "config/migrate_verify.h"
#include "config/options.h"
#include "config/settings.h"
#include "config/stunnel_text.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { COLUMNS = 79, NOTE_MAX = 2048, IDLE_DEFAULT = 43200 /* s, of stunnel */ };

/* The stunnel file, and what is being made of it. */
struct work {
    struct stunnel_text from;
    FILE *text, *losses;
    unsigned services; /* that were written */
};

/* One service: lines [first, end) of its section, and the global ones that they do not
 * override. */
struct scope {
    size_t first, end;
    bool is_http;
    struct migrate_verify verify;
    struct migrate_tls tls;
};

/* Each line begins with `lead`; a word that is too long for one stays whole. */
static void print_wrapped(FILE *out, const char *lead, const char *text)
{
    size_t room = COLUMNS - strlen(lead);

    while (*text != '\0') {
        size_t len = strlen(text);

        if (len > room) {
            for (len = room; len > 0 && text[len] != ' '; len--)
                ;
            if (len == 0)
                len = strcspn(text, " ");
        }
        fprintf(out, "%s%.*s\n", lead, (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

static struct excerpt shown_value(const struct stunnel_line *line)
{
    const struct migrate_rule *rule = migrate_rule_find(line->name);
    bool secret = strcasecmp(line->name, "sni") != 0 && (rule == NULL || rule->secret);

    return excerpt_of_text(secret ? "(not shown)" : line->value);
}

static void comment(struct work *w, const struct stunnel_line *line, const char *verdict,
    const char *note)
{
    char text[NOTE_MAX];

    (void)snprintf(text, sizeof(text), "line %u: %s = %s: %s%s%s", line->number,
        excerpt_of_text(line->name).text, shown_value(line).text, verdict,
        *note != '\0' ? ", " : "", note);
    print_wrapped(w->text, "; ", text);
}

static void tell_loss(struct work *w, const struct stunnel_line *line, const char *note)
{
    char text[NOTE_MAX];

    (void)snprintf(text, sizeof(text), "%s:%u: %s = %s: %s", w->from.name, line->number,
        excerpt_of_text(line->name).text, shown_value(line).text, note);
    print_wrapped(w->losses, "", text);
}

static void lose(struct work *w, const struct stunnel_line *line, const char *note)
{
    comment(w, line, "CANNOT BE HAD", note);
    tell_loss(w, line, note);
}

/* ---- what becomes of one line ---- */

/* Another line of the service becomes the same option of ours, and counts. */
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
        comment(w, line, "not needed", rule->note);
    else if (is_superseded(w, index, first, end, rule))
        comment(w, line, "not needed", "another line overrides it");
    else
        fprintf(w->text, "%s = %s\n", rule->ours, converted);
}

static bool says_no(const struct stunnel_line *line)
{
    return strcasecmp(line->value, "no") == 0;
}

/* What is left of a line that is not of TLS, of verification or of names. */
static void migrate_plain(struct work *w, size_t index, size_t first, size_t end,
    const struct migrate_rule *rule)
{
    const struct stunnel_line *line = &w->from.lines[index];

    if (rule->fate == MIGRATE_TO)
        convert(w, index, first, end, rule);
    else if (rule->fate == MIGRATE_UNUSED)
        comment(w, line, "not needed", rule->note);
    else if (says_no(line))
        comment(w, line, "not needed", "");
    else
        lose(w, line, rule->note);
}

/* ---- names of services behind one address ---- */

/* The address of a service that is chosen by name is that of its parent. */
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
            fprintf(w->text, "accept = %s\n", converted);
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
        lose(w, line, "there is no such service with an address");
    fprintf(w->text, "sni = %s\n", colon + 1);
}

/* ---- a service ---- */

static const struct stunnel_line *find(
    const struct work *w, const struct scope *s, const char *name)
{
    return stunnel_find(&w->from, s->first, s->end, name);
}

static bool has_word(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* A service is bytes, unless its port or its name says that it is HTTP. */
static bool is_http(const struct work *w, const struct scope *s, const char *name)
{
    static const unsigned ports[] = {80, 443, 8000, 8008, 8012, 8013, 8014, 8080, 8443};
    static const char *const ends[] = {"accept", "connect"};

    if (has_word(name, "http") || has_word(name, "wlb") || has_word(name, "soap") ||
        has_word(name, "rest"))
        return true;
    for (size_t i = 0; i < 2; i++) {
        const struct stunnel_line *line = find(w, s, ends[i]);
        const char *colon = line != NULL ? strrchr(line->value, ':') : NULL;
        unsigned port = line == NULL || *line->value == '/'
            ? 0
            : migrate_port(colon != NULL ? colon + 1 : line->value);

        for (size_t k = 0; k < sizeof(ports) / sizeof(ports[0]); k++) {
            if (port == ports[k])
                return true;
        }
    }
    return false;
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

static void look_for_obstacle(const struct stunnel_line *line, struct obstacles *all)
{
    const struct migrate_rule *rule = migrate_rule_find(line->name);
    char ignored[MIGRATED_MAX];

    if (strcasecmp(line->name, "sni") == 0 && strchr(line->value, ':') == NULL)
        object(all, line, "it is not of the form SERVICE:NAME");
    else if (rule != NULL && rule->fate == MIGRATE_REFUSED && !says_no(line))
        object(all, line, rule->note);
    else if (rule != NULL && rule->must_convert && !rule->convert(line->value, ignored))
        object(all, line, rule->note);
}

/* A global option of a service counts where the section has no such line. */
static bool is_inherited(const struct work *w, const struct scope *s, size_t index)
{
    const char *name = w->from.lines[index].name;
    const struct migrate_rule *rule = migrate_rule_find(name);

    return rule != NULL && !rule->global && find(w, s, name) != NULL &&
        (size_t)(find(w, s, name) - w->from.lines) < s->first;
}

static void collect_obstacles(
    const struct work *w, const struct scope *s, struct obstacles *all)
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
    if (find(w, s, "accept") == NULL && find(w, s, "sni") == NULL)
        object(all, section, "it has no accept");
    if (find(w, s, "connect") == NULL && find(w, s, "exec") == NULL)
        object(all, section, "it has no connect");
    if (find(w, s, "cert") == NULL)
        object(all, section, "it has no cert");
}

/* Says so in both texts; the section itself is not written. */
static void leave_out(
    struct work *w, const struct stunnel_line *section, const struct obstacles *all)
{
    char text[NOTE_MAX];

    for (unsigned i = 0; i < all->count; i++) {
        const struct stunnel_line *line = all->of[i].line;

        if (line != section)
            (void)snprintf(text, sizeof(text), "%s:%u: [%s] is left out: %s = %s: %s",
                w->from.name, line->number, excerpt_of_text(section->name).text,
                excerpt_of_text(line->name).text, shown_value(line).text, all->of[i].why);
        else
            (void)snprintf(text, sizeof(text), "%s:%u: [%s] is left out: %s",
                w->from.name, line->number, excerpt_of_text(section->name).text,
                all->of[i].why);
        print_wrapped(w->losses, "", text);
        print_wrapped(w->text, "; CANNOT BE HAD ", text);
    }
}

static void print_section(struct work *w, const char *name)
{
    fputs("\n[", w->text);
    for (const char *c = name; *c != '\0'; c++)
        fputc(isalnum((unsigned char)*c) || strchr("_-.", *c) ? *c : '_', w->text);
    fputs("]\n", w->text);
}

static void write_verify(struct work *w, const struct scope *s)
{
    const struct migrate_verify *v = &s->verify;

    if (!v->asks)
        return;
    fprintf(w->text, "verify = %s\n", v->required ? "required" : "optional");
    if (v->ca != NULL && v->chain)
        fprintf(w->text, "ca = %s\n", v->ca->value);
    if (v->ca != NULL && v->pinned)
        fprintf(w->text, "verify_pins = %s\n", v->ca->value);
    if (v->crl != NULL)
        fprintf(w->text, "crl = %s\n", v->crl->value);
}

/* Any of the names will do: each line counts. */
static void write_names(struct work *w, const struct scope *s)
{
    const struct stunnel_line *first = s->verify.asks ? s->verify.names : NULL;
    const struct stunnel_line *all = w->from.lines;
    bool own = first != NULL && first >= all + s->first;
    size_t end = own ? s->end : stunnel_scope_end(&w->from, 0);

    for (size_t i = own ? s->first : 0; first != NULL && i < end; i++) {
        if (strcasecmp(all[i].name, first->name) == 0)
            fprintf(w->text, "verify_names = %s\n", all[i].value);
    }
}

static void write_tls(struct work *w, const struct scope *s)
{
    const struct migrate_tls *tls = &s->tls;

    if (tls->only_old != NULL)
        lose(w, tls->only_old, "TLS 1.2 and 1.3 are spoken, older ones never");
    if (tls->only_13)
        fputs("tls_min = 1.3\n", w->text);
    else if (tls->no_13 != NULL)
        lose(
            w, tls->no_13, "TLS 1.3 cannot be switched off; TLS 1.2 is served beside it");
    if (tls->low_level != NULL)
        lose(
            w, tls->low_level, "OpenSSL's level 2 is the least: weaker keys are refused");
    if (tls->security_level != 0)
        fprintf(w->text, "ciphers = %s:@SECLEVEL=%u\n",
            tls->ciphers != NULL ? tls->ciphers->value
                                 : option_find("ciphers")->default_text,
            tls->security_level);
    else if (tls->ciphers != NULL)
        fprintf(w->text, "ciphers = %s\n", tls->ciphers->value);
    else
        print_wrapped(w->text, "; ",
            "differs: of TLS 1.2 only ECDHE with AES-GCM or ChaCha20 is offered "
            "(ciphers)");
}

static unsigned connects(const struct work *w, const struct scope *s)
{
    unsigned count = 0;

    for (size_t i = s->first; i < s->end; i++)
        count += strcasecmp(w->from.lines[i].name, "connect") == 0;
    return count;
}

/* What a service did in stunnel, and does otherwise here, without a line that says so. */
static void write_differences(struct work *w, const struct scope *s)
{
    const struct stunnel_line *idle = find(w, s, "TIMEOUTidle");
    const struct stunnel_line *failover = find(w, s, "failover");

    if (s->is_http) {
        fputs("protocol = http\n", w->text);
        print_wrapped(w->text, "; ",
            "differs: requests are parsed: bodies over 8 MB are refused (max_body), and "
            "websockets (upgrade); protocol = tcp passes bytes on as stunnel does");
    } else {
        fputs("protocol = tcp\n", w->text);
        fprintf(w->text, "response_timeout = %us\n",
            idle != NULL && atoi(idle->value) > 0 ? (unsigned)atoi(idle->value)
                                                  : IDLE_DEFAULT);
    }
    if (connects(w, s) < 2 ||
        (failover != NULL && strcasecmp(failover->value, "prio") == 0))
        return;
    if (option_find("balance") != NULL)
        fputs("balance = roundrobin\n", w->text);
    else
        print_wrapped(w->text, "; ",
            "differs: the first backend that answers is taken, not each in turn");
}

static void write_line(struct work *w, const struct scope *s, size_t index)
{
    const struct stunnel_line *line = &w->from.lines[index];
    const struct migrate_rule *rule = migrate_rule_find(line->name);
    bool inherited = index < s->first;

    if (strcasecmp(line->name, "sni") == 0)
        migrate_sni(w, line);
    else if (rule == NULL)
        lose(w, line, "this option is not known");
    else if (rule->global)
        lose(w, line, "this is an option of the whole proxy: move it to the top");
    else if (rule->fate == MIGRATE_TO && inherited)
        convert(w, index, 0, stunnel_scope_end(&w->from, 0), rule);
    else if (rule->fate == MIGRATE_VERIFY && !s->verify.asks)
        comment(w, line, "not needed", "clients are not asked for a certificate");
    else if (rule->fate != MIGRATE_VERIFY && rule->fate != MIGRATE_TLS)
        migrate_plain(w, index, s->first, s->end, rule);
}

static void write_service(struct work *w, const struct scope *s)
{
    print_section(w, w->from.lines[s->first - 1].name);
    w->services++;
    for (size_t i = 0; i < stunnel_scope_end(&w->from, 0); i++) {
        if (is_inherited(w, s, i))
            write_line(w, s, i);
    }
    for (size_t i = s->first; i < s->end; i++)
        write_line(w, s, i);
    write_verify(w, s);
    write_names(w, s);
    write_tls(w, s);
    write_differences(w, s);
}

static bool is_client(const struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *line = stunnel_find(&w->from, first, end, "client");

    return line != NULL && migrate_is_yes(line->value);
}

static void migrate_section(struct work *w, size_t first, size_t end)
{
    const struct stunnel_line *section = &w->from.lines[first - 1];
    struct scope s = {.first = first, .end = end};
    struct obstacles obstacles = {.count = 0};

    if (is_client(w, first, end)) {
        object(&obstacles, section, "it is a TLS client, and wlbproxy is a server only");
    } else {
        migrate_verify_read(&s.verify, &w->from, first, end);
        migrate_tls_read(&s.tls, &w->from, first, end);
        s.is_http = is_http(w, &s, section->name);
        collect_obstacles(w, &s, &obstacles);
    }
    if (obstacles.count > 0) {
        fputc('\n', w->text);
        leave_out(w, section, &obstacles);
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
            lose(w, line, "this option is not known");
        else if (rule->global)
            migrate_plain(w, i, 0, end, rule);
    }
}

/* Without sections stunnel is one service, as inetd and XAPI start it. */
static void refuse_without_sections(struct work *w)
{
    const char *why = is_client(w, 0, w->from.count)
        ? "this is a TLS client: wlbproxy is a server only"
        : "there is no [section]: inetd mode, which wlbproxy does not have";

    fprintf(w->text, "; CANNOT BE HAD: %s\n", why);
    fprintf(w->losses, "%s: %s\n", w->from.name, why);
}

static void migrate_all(struct work *w)
{
    size_t end = stunnel_scope_end(&w->from, 0);

    fprintf(w->text, "; wlbproxy's configuration, from stunnel's %s\n\n", w->from.name);
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
    /* An empty configuration would serve the appliance's defaults. */
    if (w->services == 0)
        fputs("\nno_service_is_left = every one of them was left out\n", w->text);
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
        w.text = memory_stream(&migration->text, &text_len);
        w.losses = memory_stream(&migration->losses, &losses_len);
        migrate_all(&w);
        memory_stream_close(w.text);
        memory_stream_close(w.losses);
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
