/*
 * migrate.h - translates a stunnel configuration into one for wlbproxy.
 *
 * Line by line: an option with an equivalent is translated; one that is no longer needed
 * or not possible becomes a comment that says so. No value of a secret option (ticket
 * keys, PSKs, PINs) is repeated anywhere.
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_H
#define WLBPROXY_CONFIG_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct migration {
    char *text; /* the configuration */
    char *losses; /* its losses, a line each: "stunnel.conf:7: libwrap: ..." */
};

/* `name` is the file's, for comments. False and err if `text` is no stunnel
 * configuration, or if the result still needs an edit; in that case the migration is
 * there all the same. */
bool migrate_stunnel(
    const char *text, const char *name, struct migration *migration, struct error *err);
void migration_destroy(struct migration *migration);

#endif
