#include "certstore/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/remedy.h"
#include "proxy/base/memory.h"

void findings_init(struct findings *findings)
{
    *findings = (struct findings){0};
}

void findings_destroy(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->items[i].file);
        free(findings->items[i].fact);
        free(findings->items[i].why);
        free(findings->items[i].remedy);
    }
    free(findings->items);
    findings_init(findings);
}

static char *copy(const char *text)
{
    return text != NULL ? memory_text(text) : NULL;
}

static struct finding *append(struct findings *findings)
{
    if (findings->count == findings->capacity) {
        findings->capacity = findings->capacity == 0 ? 8 : 2 * findings->capacity;
        findings->items =
            memory_resize(findings->items, findings->capacity, sizeof(*findings->items));
    }
    return &findings->items[findings->count++];
}

void findings_add(struct findings *findings, const char *id, enum severity severity,
    const char *file, const char *why, const char *remedy, const char *fact, ...)
{
    struct finding *finding = append(findings);
    va_list args;

    *finding = (struct finding){
        .id = id,
        .severity = severity,
        .file = copy(file),
        .why = copy(why),
        .remedy = remedy_name_file(remedy, file),
    };
    va_start(args, fact);
    finding->fact = memory_format_list(fact, args);
    va_end(args);
}

void findings_append(struct findings *findings, const struct findings *others)
{
    for (size_t i = 0; i < others->count; i++) {
        const struct finding *other = &others->items[i];
        struct finding *finding = append(findings);

        *finding = (struct finding){
            .id = other->id,
            .severity = other->severity,
            .file = copy(other->file),
            .fact = copy(other->fact),
            .why = copy(other->why),
            .remedy = copy(other->remedy),
        };
    }
}

enum severity findings_worst(const struct findings *findings)
{
    enum severity worst = SEVERITY_NOTE;

    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].severity > worst)
            worst = findings->items[i].severity;
    }
    return worst;
}

const struct finding *findings_first(
    const struct findings *findings, enum severity at_least)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].severity >= at_least)
            return &findings->items[i];
    }
    return NULL;
}

void finding_sentence(const struct finding *finding, char *text, size_t size)
{
    const char *file = finding->file == NULL ? "" : finding->file;
    char *remedy = remedy_plain(finding->remedy == NULL ? "" : finding->remedy);

    (void)snprintf(text, size, "%s%s%s%s%s", file, *file == '\0' ? "" : ": ",
        finding->fact, *remedy == '\0' ? "" : "; ", remedy);
    free(remedy);
}
