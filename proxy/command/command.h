/*
 * command.h - the commands of the command line: `wlbproxy NAME ...`.
 *
 * A command is a function in a file of its own and a row in the table of command.c. It
 * prints results to stdout and errors to stderr, and returns the exit status.
 */
#ifndef WLBPROXY_COMMAND_COMMAND_H
#define WLBPROXY_COMMAND_COMMAND_H

#include <stdio.h>

enum exit_status {
    EXIT_DONE = 0,
    EXIT_NEGATIVE = 1, /* the answer to the question is no */
    EXIT_FAILED = 2, /* wrong usage, or it could not be done */
    EXIT_GO_ON = -1, /* not an exit status: arguments.h */
};

struct command {
    const char *name;
    const char *operands; /* for help, "STUNNEL.CONF" */
    const char *summary; /* one line */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* Finds the command that argv names, `run` where it names none, and runs it. */
int command_dispatch(int argc, char **argv);

int run_command(int argc, char **argv);
int check_command(int argc, char **argv);
int reload_command(int argc, char **argv);
int status_command(int argc, char **argv);
int backend_command(int argc, char **argv);
int tickets_command(int argc, char **argv);
int cert_command(int argc, char **argv);
int migrate_command(int argc, char **argv);
int metrics_command(int argc, char **argv);
int options_command(int argc, char **argv);
int events_command(int argc, char **argv);

#endif
