#include "proxy/command/cert/cert.h"

#include <string.h>

#include "config/nearest.h"
#include "proxy/command/command.h"
#include "proxy/command/print.h"

static const struct command commands[] = {
    {"show", "[FILE|HOST:PORT]",
        "print the contents of a file, or a server's certificates", cert_show_command},
    {"check", "FILE...", "judge files, and whether XenServer would accept them",
        cert_check_command},
    {"create", "", "make a placeholder: key and self-signed certificate",
        cert_create_command},
    {"request", "", "make a key and the signing request for a CA", cert_request_command},
    {"install", "FILE...", "put the CA's files into service", cert_install_command},
    {"rollback", "", "go back to the previous pair", cert_rollback_command},
    {"export-for-pool", "DIR", "write the files for XenServer's pool",
        cert_export_command},
    {"push", "NODE...", "install the pair of this node on others, by ssh",
        cert_push_command},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
    puts("usage: wlbproxy cert COMMAND [OPTION]...\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-16s %s\n", commands[i].name, commands[i].summary);
    puts("\n  every command has --help");
}

static int unknown_command(const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&nearest, commands[i].name);
    if (nearest.word != NULL)
        complain("wlbproxy cert: there is no command '%s'; did you mean '%s'?", name,
            nearest.word);
    else
        complain(
            "wlbproxy cert: there is no command '%s'; see wlbproxy cert --help", name);
    return EXIT_FAILED;
}

int cert_command(int argc, char **argv)
{
    if (argc < 2) {
        fputs("wlbproxy cert: a command is missing; see wlbproxy cert --help\n", stderr);
        return EXIT_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}
