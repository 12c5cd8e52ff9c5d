/*
 * arguments.h - what stands behind a command's name: flags and operands.
 */
#ifndef WLBPROXY_COMMAND_ARGUMENTS_H
#define WLBPROXY_COMMAND_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "proxy/command/command.h"

struct argument {
    const char *name; /* "config", for --config */
    char letter; /* 'c', or 0 */
    const char *value; /* how help calls it; NULL: a flag without one */
    const char *help;
    const char **text; /* set to the value */
    bool *flag; /* or set to true */
    struct text_list *texts; /* or the value added: the flag may be repeated */
    const char *former; /* a name that it had, and that still works; NULL: none */
};

enum { ARGUMENTS_MAX = 16 };

struct arguments {
    const char *command; /* "check" */
    const char *summary; /* a sentence or more, printed by --help */
    const struct argument *list;
    size_t count;
    const char *operand; /* how help calls it; NULL: none is allowed */
    const char **operand_text;
    struct text_list *operands; /* or any number of them, also none */
};

/* EXIT_GO_ON, or the exit status after --help or a fault (told in one line). */
int arguments_parse(const struct arguments *arguments, int argc, char **argv);

/* The file all commands share: `-c FILE`. */
#define ARGUMENT_CONFIG(variable)                                                        \
    {                                                                                    \
        .name = "config", .letter = 'c', .value = "FILE",                                \
        .help = "the configuration, else " SETTINGS_DEFAULT_FILE, .text = &(variable)    \
    }
#define ARGUMENT_PASSWORD(variable)                                                      \
    {                                                                                    \
        .name = "password-file", .value = "FILE",                                        \
        .help = "has the password of a PKCS#12 file or a key", .text = &(variable)       \
    }
#define ARGUMENT_JSON(variable)                                                          \
    {                                                                                    \
        .name = "json", .help = "for programs to read", .flag = &(variable)              \
    }

#endif
