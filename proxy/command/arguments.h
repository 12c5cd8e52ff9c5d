/*
 * arguments.h - parses the flags and operands behind a command's name.
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
    const char *value; /* its name in help; NULL: a flag without a value */
    const char *help;
    const char **text; /* gets the value */
    bool *flag; /* or becomes true */
    struct text_list *texts; /* or gets each value: the flag may be repeated */
    const char *former; /* an old name that still works; NULL: none */
};

enum { ARGUMENTS_MAX = 16 };

struct arguments {
    const char *command; /* "check" */
    const char *summary; /* a sentence or more, printed by --help */
    const struct argument *list;
    size_t count;
    const char *operand; /* its name in help; NULL: none is allowed */
    const char **operand_text;
    struct text_list *operands; /* or any number of them, also none */
};

/* Returns EXIT_GO_ON, or the exit status after --help or an error (printed in one
 * line). */
int arguments_parse(const struct arguments *arguments, int argc, char **argv);

/* The file that all commands share: `-c FILE`. */
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
