#include "config/migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/config_file.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/arguments.h"
#include "proxy/command/print.h"
#include "proxy/command/takeover/takeover.h"

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

static int migrate_file(const char *path)
{
    struct error err;
    bool missing;
    char *text = config_file_read(path, &missing, &err);
    int status;

    if (text == NULL) {
        complain("wlbproxy migrate: %s", err.text);
        return EXIT_FAILED;
    }
    status = migrate_text(text, path);
    free(text);
    return status;
}

static int migrate(const struct takeover_flags *flags, bool take, size_t operands)
{
    if (operands == 0 && !flags->undo) {
        complain("wlbproxy migrate: an operand is missing: 'STUNNEL.CONF'; see wlbproxy "
                 "migrate --help");
        return EXIT_FAILED;
    }
    if (operands > 1) {
        complain("wlbproxy migrate: there is more than one file: which is STUNNEL.CONF?");
        return EXIT_FAILED;
    }
    if (take || flags->undo)
        return takeover(flags);
    if (flags->yes || flags->dry_run || flags->config != NULL) {
        complain("wlbproxy migrate: --yes, --dry-run and --config go with --takeover or "
                 "--undo");
        return EXIT_FAILED;
    }
    return migrate_file(flags->stunnel_config);
}

int migrate_command(int argc, char **argv)
{
    struct takeover_flags flags = {.undo = false};
    struct text_list operands = {0};
    bool take = false;
    const struct argument list[] = {
        {.name = "takeover", .help = "take stunnel's place", .flag = &take},
        {.name = "undo", .help = "give it back", .flag = &flags.undo},
        {.name = "yes", .help = "do not ask", .flag = &flags.yes},
        {.name = "dry-run",
            .help = "show the commands, run none",
            .flag = &flags.dry_run},
        ARGUMENT_CONFIG(flags.config),
    };
    const struct arguments arguments = {
        .command = "migrate",
        .summary =
            "Prints the wlbproxy configuration that does what a stunnel "
            "configuration does. What cannot be had is told there as a comment and "
            "on stderr, and the exit status is 1. With --takeover that configuration is "
            "written, stunnel is stopped, wlbproxy is started on the same ports, and "
            "every service is looked at as XenServer does; if anything fails that worked "
            "before, stunnel runs again as before, and the exit status is 1; it is 2 if "
            "stunnel does not. Each command is shown first. What cannot be had is not "
            "taken over.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "STUNNEL.CONF",
        .operands = &operands,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON) {
        flags.stunnel_config = operands.count > 0 ? operands.items[0] : NULL;
        status = migrate(&flags, take, operands.count);
    }
    text_list_clear(&operands);
    return status;
}
