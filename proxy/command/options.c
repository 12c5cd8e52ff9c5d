#include "config/options.h"

#include "proxy/command/arguments.h"

int options_command(int argc, char **argv)
{
    bool markdown = false, man = false;
    const struct argument list[] = {
        {.name = "markdown",
            .help = "as the tables of docs/options.md",
            .flag = &markdown},
        {.name = "man", .help = "as sections of the manual page", .flag = &man},
    };
    const struct arguments arguments = {
        .command = "options",
        .summary = "Prints every option of the configuration: name, default, meaning and "
                   "the values it may have.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    if (man)
        options_print(OPTIONS_MAN, stdout);
    else
        options_print(markdown ? OPTIONS_MARKDOWN : OPTIONS_TEXT, stdout);
    return EXIT_DONE;
}
