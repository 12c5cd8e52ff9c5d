#include <string.h>

#include "proxy/base/metrics.h"
#include "proxy/command/arguments.h"
#include "proxy/command/print.h"

/* "wlbproxy_requests_total", as in a scrape. */
static void print_name(const struct metric *m)
{
    printf("wlbproxy_%s%s", m->name,
        m->kind == METRIC_COUNTER    ? "_total"
            : m->kind == METRIC_INFO ? "_info"
                                     : "");
}

/* The labels of a path stand behind `*`, and before `=` in brackets. */
static void print_labels(const char *path)
{
    const char *separator = "";
    bool inside = false;

    for (const char *at = path; *at != '\0'; at++) {
        inside = *at == '[' || *at == '(' || (inside && *at != ']' && *at != ')');
        if (*at != '*' && *at != '[' && *at != '(' && !(inside && *at == ','))
            continue;
        printf("%s%.*s", separator, (int)strcspn(at + 1, ".,=])"), at + 1);
        separator = ", ";
    }
}

static void print_markdown(void)
{
    puts("| metric | kind | labels | meaning | in `status --json` "
         "|\n|---|---|---|---|---|");
    for (size_t i = 0; i < metrics_count; i++) {
        fputs("| `", stdout);
        print_name(&metrics[i]);
        printf("` | %s | ", metric_kind_names[metrics[i].kind]);
        print_labels(metrics[i].path);
        printf(" | %s | `%s` |\n", metrics[i].meaning, metrics[i].path);
    }
}

static void print_man(void)
{
    for (size_t i = 0; i < metrics_count; i++) {
        fputs(".TP\n.B ", stdout);
        print_name(&metrics[i]);
        printf("\n(%s) %s\n", metric_kind_names[metrics[i].kind], metrics[i].meaning);
    }
}

static void print_text(void)
{
    for (size_t i = 0; i < metrics_count; i++) {
        print_name(&metrics[i]);
        printf(" (%s)\n", metric_kind_names[metrics[i].kind]);
        print_wrapped(stdout, "  ", metrics[i].meaning);
    }
}

int metrics_command(int argc, char **argv)
{
    bool markdown = false, man = false;
    const struct argument list[] = {
        {.name = "markdown",
            .help = "as the table of docs/metrics.md",
            .flag = &markdown},
        {.name = "man", .help = "as a section of the manual page", .flag = &man},
    };
    const struct arguments arguments = {
        .command = "metrics",
        .summary = "Prints every metric: name, kind and meaning.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    if (man)
        print_man();
    else if (markdown)
        print_markdown();
    else
        print_text();
    return EXIT_DONE;
}
