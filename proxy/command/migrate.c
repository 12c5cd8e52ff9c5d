#include "config/migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/config_file.h"
#include "proxy/base/error.h"
#include "proxy/command/arguments.h"
#include "proxy/command/print.h"

/* The configuration goes to stdout even if a person must finish it, because the rest is
 * done. */
static int migrate_text(const char *text, const char *path)
{
    struct migration migration;
    struct error err;
    bool good = migrate_stunnel(text, path, &migration, &err);
    bool whole = good && *migration.losses == '\0';

    if (migration.text != NULL)
        fputs(migration.text, stdout);
    if (migration.losses != NULL)
        fputs(migration.losses, stderr);
    if (!good)
        complain("wlbproxy migrate: %s", err.text);
    migration_destroy(&migration);
    return whole ? EXIT_DONE : EXIT_NEGATIVE;
}

int migrate_command(int argc, char **argv)
{
    const char *path = NULL;
    const struct arguments arguments = {
        .command = "migrate",
        .summary =
            "Prints the wlbproxy configuration that does what a stunnel "
            "configuration does. What cannot be had is told there as a comment and "
            "on stderr, and the exit status is 1.",
        .operand = "STUNNEL.CONF",
        .operand_text = &path,
    };
    int status = arguments_parse(&arguments, argc, argv);
    struct error err;
    bool missing;
    char *text;

    if (status != EXIT_GO_ON)
        return status;
    text = config_file_read(path, &missing, &err);
    if (text == NULL) {
        complain("wlbproxy migrate: %s", err.text);
        return EXIT_FAILED;
    }
    status = migrate_text(text, path);
    free(text);
    return status;
}
