#include "config/migrate_tls.h"

#include <stdlib.h>
#include <strings.h>

enum { LEVEL_DEFAULT = 2, LEVEL_MAX = 5 };

/* 13, 12, or 0: older; -1: all, or not known. */
static int version_of(const char *value)
{
    static const struct {
        const char *name;
        int version;
    } names[] = {{"TLSv1.3", 13}, {"TLSv1.2", 12}, {"TLSv1.1", 0}, {"TLSv1", 0},
        {"SSLv3", 0}, {"SSLv2", 0}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(value, names[i].name) == 0)
            return names[i].version;
    }
    return -1;
}

/* stunnel's own names (`stunnel -options`) have no dot. */
static bool is_without(const char *option, const char *dotted, const char *stunnels)
{
    return strcasecmp(option, dotted) == 0 || strcasecmp(option, stunnels) == 0;
}

static void read_option(struct migrate_tls *tls, const struct stunnel_line *line)
{
    if (is_without(line->value, "NO_TLSv1.2", "NO_TLSv1_2"))
        tls->only_13 = true;
    else if (is_without(line->value, "NO_TLSv1.3", "NO_TLSv1_3"))
        tls->no_13 = line;
}

/* `options` may stand many times, in the section and before the first one. */
static void read_options(
    struct migrate_tls *tls, const struct stunnel_text *t, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (!stunnel_line_is_section(&t->lines[i]) &&
            strcasecmp(t->lines[i].name, "options") == 0)
            read_option(tls, &t->lines[i]);
    }
}

static void read_versions(
    struct migrate_tls *tls, const struct stunnel_text *t, size_t first, size_t end)
{
    const struct stunnel_line *exact = stunnel_find(t, first, end, "sslVersion");
    const struct stunnel_line *least = stunnel_find(t, first, end, "sslVersionMin");
    const struct stunnel_line *most = stunnel_find(t, first, end, "sslVersionMax");

    if (exact != NULL && version_of(exact->value) >= 0)
        least = most = exact;
    if (least != NULL && version_of(least->value) == 13)
        tls->only_13 = true;
    if (most != NULL && version_of(most->value) == 12)
        tls->no_13 = most;
    if (most != NULL && version_of(most->value) == 0)
        tls->only_old = most;
}

void migrate_tls_read(
    struct migrate_tls *tls, const struct stunnel_text *t, size_t first, size_t end)
{
    const struct stunnel_line *level = stunnel_find(t, first, end, "securityLevel");
    int wanted = level != NULL ? atoi(level->value) : LEVEL_DEFAULT;

    *tls = (struct migrate_tls){.ciphers = stunnel_find(t, first, end, "ciphers")};
    read_options(tls, t, 0, stunnel_scope_end(t, 0));
    read_options(tls, t, first, end);
    read_versions(tls, t, first, end);
    if (wanted > LEVEL_DEFAULT && wanted <= LEVEL_MAX)
        tls->security_level = (unsigned)wanted;
    else if (wanted < LEVEL_DEFAULT)
        tls->low_level = level;
}
