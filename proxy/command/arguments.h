/*
 * arguments.h - what stands behind a command's name: flags, and perhaps one operand.
 */
#ifndef WLBPROXY_COMMAND_ARGUMENTS_H
#define WLBPROXY_COMMAND_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/command/command.h"

struct argument {
    const char *name; /* "config", for --config */
    char letter; /* 'c', or 0 */
    const char *value; /* how help calls it; NULL: a flag without one */
    const char *help;
    const char **text; /* set to the value */
    bool *flag; /* or set to true */
};

enum { ARGUMENTS_MAX = 16 };

struct arguments {
    const char *command; /* "check" */
    const char *summary; /* a sentence or more, printed by --help */
    const struct argument *list;
    size_t count;
    const char *operand; /* how help calls it; NULL: none is allowed */
    const char **operand_text;
};

/* EXIT_GO_ON, or the exit status after --help or a fault (told in one line). */
int arguments_parse(const struct arguments *arguments, int argc, char **argv);

/* The file all commands share: `-c FILE`. */
#define ARGUMENT_CONFIG(variable)                                                        \
    {                                                                                    \
        "config", 'c', "FILE", "the configuration, else " SETTINGS_DEFAULT_FILE,         \
            &(variable), NULL                                                            \
    }
#define ARGUMENT_JSON(variable)                                                          \
    {                                                                                    \
        "json", 0, NULL, "for programs to read", NULL, &(variable)                       \
    }

#endif
