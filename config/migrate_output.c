#include "config/migrate_output.h"

#include <strings.h>

#include "config/excerpt.h"
#include "config/migrate_rules.h"
#include "config/wrap.h"

static struct excerpt shown_value(const struct stunnel_line *line)
{
    const struct migrate_rule *rule = migrate_rule_find(line->name);
    bool secret = strcasecmp(line->name, "sni") != 0 && (rule == NULL || rule->secret);

    return excerpt_of_text(secret ? "(not shown)" : line->value);
}

void migrate_comment(const struct migrate_output *out, const struct stunnel_line *line,
    const char *verdict, const char *note)
{
    char text[MIGRATE_NOTE_MAX];

    (void)snprintf(text, sizeof(text), "line %u: %s = %s: %s%s%s", line->number,
        excerpt_of_text(line->name).text, shown_value(line).text, verdict,
        *note != '\0' ? ", " : "", note);
    print_wrapped_comment(out->text, "; ", text);
}

void migrate_lose(
    const struct migrate_output *out, const struct stunnel_line *line, const char *note)
{
    char text[MIGRATE_NOTE_MAX];

    migrate_comment(out, line, "CANNOT BE HAD", note);
    (void)snprintf(text, sizeof(text), "%s:%u: %s = %s: %s", out->name, line->number,
        excerpt_of_text(line->name).text, shown_value(line).text, note);
    print_wrapped_comment(out->losses, "", text);
}

void migrate_leave_out(const struct migrate_output *out,
    const struct stunnel_line *section, const struct migrate_obstacle *obstacle)
{
    const struct stunnel_line *line = obstacle->line;
    char text[MIGRATE_NOTE_MAX];

    if (line != section)
        (void)snprintf(text, sizeof(text), "%s:%u: [%s] is left out: %s = %s: %s",
            out->name, line->number, excerpt_of_text(section->name).text,
            excerpt_of_text(line->name).text, shown_value(line).text, obstacle->why);
    else
        (void)snprintf(text, sizeof(text), "%s:%u: [%s] is left out: %s", out->name,
            line->number, excerpt_of_text(section->name).text, obstacle->why);
    print_wrapped_comment(out->losses, "", text);
    print_wrapped_comment(out->text, "; CANNOT BE HAD ", text);
}
