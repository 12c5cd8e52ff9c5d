#include "proxy/command/arguments.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config/nearest.h"
#include "config/text_list.h"
#include "proxy/command/print.h"

enum { HELP = 'h', FIRST_LONG = 256 };

/* A line is broken between options, never within one. */
static void print_part(int *column, const char *part)
{
    if (*column + 1 + (int)strlen(part) > PRINT_COLUMNS)
        *column = printf("\n      ") - 1;
    *column += printf(" %s", part);
}

static void print_usage(const struct arguments *a)
{
    int column = printf("usage: wlbproxy %s", a->command);

    for (size_t i = 0; i < a->count; i++) {
        const char *value = a->list[i].value;
        char part[PRINT_COLUMNS];

        snprintf(part, sizeof(part), "[--%s%s%s]", a->list[i].name,
            value != NULL ? " " : "", value != NULL ? value : "");
        print_part(&column, part);
    }
    if (a->operand != NULL)
        print_part(&column, a->operand);
    puts("\n");
}

static void print_help(const struct arguments *a)
{
    print_usage(a);
    print_wrapped(stdout, "", a->summary);
    putchar('\n');
    for (size_t i = 0; i < a->count; i++) {
        const struct argument *argument = &a->list[i];
        char name[40];

        snprintf(name, sizeof(name), "%c%c%s--%s %s", argument->letter ? '-' : ' ',
            argument->letter ? argument->letter : ' ', argument->letter ? ", " : "  ",
            argument->name, argument->value ? argument->value : "");
        printf("  %-25s %s\n", name, argument->help);
    }
    puts("  -h, --help                this");
}

static int refuse(const struct arguments *a, const char *what, const char *word)
{
    complain("wlbproxy %s: %s '%s'; see wlbproxy %s --help", a->command, what, word,
        a->command);
    return EXIT_FAILED;
}

static int unknown(const struct arguments *a, const char *word)
{
    struct nearest nearest;

    if (strncmp(word, "--", 2) != 0)
        return refuse(a, "there is no option", word);
    nearest_init(&nearest, word + 2);
    for (size_t i = 0; i < a->count; i++)
        nearest_offer(&nearest, a->list[i].name);
    if (nearest.word == NULL)
        return refuse(a, "there is no option", word);
    complain("wlbproxy %s: there is no option '%s'; did you mean '--%s'?", a->command,
        word, nearest.word);
    return EXIT_FAILED;
}

static void to_getopt(const struct arguments *a, struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (size_t i = 0; i < a->count; i++) {
        const struct argument *argument = &a->list[i];
        int needs = argument->value != NULL ? required_argument : no_argument;

        *longs++ = (struct option){argument->name, needs, NULL, FIRST_LONG + (int)i};
        if (argument->former != NULL)
            *longs++ =
                (struct option){argument->former, needs, NULL, FIRST_LONG + (int)i};
        if (argument->letter == 0)
            continue;
        *shorts++ = argument->letter;
        if (needs == required_argument)
            *shorts++ = ':';
    }
    *shorts++ = HELP;
    *shorts = '\0';
    *longs++ = (struct option){"help", no_argument, NULL, HELP};
    *longs = (struct option){0};
}

static void set(const struct argument *argument)
{
    if (argument->texts != NULL)
        text_list_add(argument->texts, optarg);
    else if (argument->value != NULL)
        *argument->text = optarg;
    else
        *argument->flag = true;
}

static const struct argument *find(const struct arguments *a, int code)
{
    for (size_t i = 0; i < a->count; i++) {
        if (code == FIRST_LONG + (int)i || (code == a->list[i].letter && code != 0))
            return &a->list[i];
    }
    return NULL;
}

static int take_operands(const struct arguments *a, int argc, char **argv)
{
    int last = optind + (a->operand != NULL ? 1 : 0);

    for (; a->operands != NULL && optind < argc; optind++)
        text_list_add(a->operands, argv[optind]);
    if (a->operands != NULL)
        return EXIT_GO_ON;
    if (argc > last)
        return refuse(a, "there is one word too many:", argv[last]);
    if (a->operand == NULL)
        return EXIT_GO_ON;
    if (argc < last)
        return refuse(a, "an operand is missing:", a->operand);
    *a->operand_text = argv[optind];
    return EXIT_GO_ON;
}

int arguments_parse(const struct arguments *a, int argc, char **argv)
{
    struct option longs[2 * ARGUMENTS_MAX + 2];
    char shorts[2 * ARGUMENTS_MAX + 3];
    int code;

    assert(a->count <= ARGUMENTS_MAX);
    to_getopt(a, longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: start again */
    while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct argument *argument = find(a, code);
        const char *word = argv[optind > 0 ? optind - 1 : 0];

        if (argument != NULL) {
            set(argument);
        } else if (code == HELP) {
            print_help(a);
            return EXIT_DONE;
        } else if (code == ':') {
            return refuse(a, "a value is missing after", word);
        } else {
            return unknown(a, word);
        }
    }
    return take_operands(a, argc, argv);
}
