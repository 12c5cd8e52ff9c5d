#include "proxy/command/command.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/nearest.h"
#include "proxy/command/print.h"

static const struct command commands[] = {
    {"run", "", "serve; the default command", run_command},
    {"check", "", "judge configuration and certificates, as start and reload do",
        check_command},
    {"reload", "", "make the running proxy reload, and print the result", reload_command},
    {"status", "", "print what the running proxy serves, and its state", status_command},
    {"backend", "", "print the backends and their states; drain or enable one",
        backend_command},
    {"cert", "COMMAND", "create, request, install, roll back a certificate",
        cert_command},
    {"tickets", "rotate", "begin a new key for session tickets", tickets_command},
    {"migrate", "STUNNEL.CONF", "print the wlbproxy configuration for stunnel's",
        migrate_command},
    {"options", "", "print every option of the configuration", options_command},
    {"events", "", "print every event of the log, and its remedy", events_command},
    {"metrics", "", "print every metric", metrics_command},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
    puts("wlbproxy - TLS front end of the Workload Balancing appliance\n\n"
         "usage: wlbproxy [COMMAND] [OPTION]...\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\n  --version, --help; every command has --help\n\n"
         "signals: HUP reload, TERM drain and stop, USR1 reopen the log files,\n"
         "         USR2 replace the program without closing a connection\n"
         "exit:    0 done, 1 the thing checked or asked for is not so,\n"
         "         2 usage, or could not be done\n"
         "manual:  wlbproxy(8), wlbproxy.conf(5)");
}

static int unknown_command(const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&nearest, commands[i].name);
    if (nearest.word != NULL)
        complain(
            "wlbproxy: there is no command '%s'; did you mean '%s'?", name, nearest.word);
    else
        complain("wlbproxy: there is no command '%s'; see wlbproxy --help", name);
    return EXIT_FAILED;
}

/* The output counts only if it was written, which fails for `> /dev/full`. */
static int flush_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("wlbproxy: writing the output");
    return EXIT_FAILED;
}

/* A portable installation contains its libraries, and a list of them. */
static void print_version(void)
{
    char path[PATH_MAX], line[256];
    ssize_t len =
        readlink("/proc/self/exe", path, sizeof(path) - sizeof("lib/LIBRARIES"));
    FILE *list = NULL;

    puts("wlbproxy " WLB_VERSION);
    if (len > 0) {
        path[len] = '\0';
        strcpy(strrchr(path, '/') + 1, "lib/LIBRARIES");
        list = fopen(path, "re");
    }
    while (list != NULL && fgets(line, sizeof(line), list) != NULL)
        fputs(line, stdout);
    if (list != NULL)
        fclose(list);
}

int command_dispatch(int argc, char **argv)
{
    if (argc < 2 ||
        (argv[1][0] == '-' && strncmp(argv[1], "--h", 3) != 0 &&
            strcmp(argv[1], "-h") != 0 && strcmp(argv[1], "--version") != 0))
        return run_command(argc, argv);
    if (strcmp(argv[1], "--version") == 0) {
        print_version();
        return flush_output(EXIT_DONE);
    }
    if (argv[1][0] == '-' || strcmp(argv[1], "help") == 0) {
        print_help();
        return flush_output(EXIT_DONE);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return flush_output(commands[i].run(argc - 1, argv + 1));
    }
    return unknown_command(argv[1]);
}
