#include <stdio.h>
#include <string.h>

#include "proxy/command/print.h"
#include "proxy/command/verdict_print.h"

enum { RELEASES_MAX = 8, COMMANDS_MAX = 8 };

static bool same(const json_t *a, const json_t *b, const char *key)
{
    return a != NULL && strcmp(json_text(a, key), json_text(b, key)) == 0;
}

static void print_title(const json_t *verdict)
{
    char text[1024];

    snprintf(text, sizeof(text), "%s%s%sXenServer connecting to %s, verification on:",
        *json_text(verdict, "service") == '\0' ? "" : "[", json_text(verdict, "service"),
        *json_text(verdict, "service") == '\0' ? "" : "] ",
        json_text(verdict, "address"));
    putchar('\n');
    print_wrapped(stdout, "", text);
}

static void print_one(const json_t *verdict)
{
    bool accepted = json_is_true(json_object_get(verdict, "accepted"));
    const json_t *install = json_object_get(verdict, "install");
    const char *subject = json_text(verdict, "install");

    printf("  %-34s %s\n", json_text(verdict, "release"),
        !accepted                                 ? "REFUSES IT"
            : install != NULL && *subject == '\0' ? "accepts it on a condition"
                                                  : "accepts it");
    if (!accepted || *subject == '\0')
        print_wrapped(stdout, "    ", json_text(verdict, "reason"));
    if (*subject != '\0')
        print_wrapped(stdout, "    in the pool: ", subject);
}

/* The commands that have been printed. */
struct told {
    const json_t *verdicts[RELEASES_MAX];
    size_t count;
};

static bool is_told(const struct told *told, const json_t *verdict)
{
    for (size_t i = 0; i < told->count; i++) {
        if (same(told->verdicts[i], verdict, "release") &&
            same(told->verdicts[i], verdict, "file_name"))
            return true;
    }
    return told->count == RELEASES_MAX;
}

/* The first command differs between releases, the others do not. */
static void print_lines(const json_t *verdict, size_t from, size_t to)
{
    const json_t *commands = json_object_get(verdict, "commands");

    for (size_t i = from; i < to && i < json_array_size(commands); i++)
        print_wrapped(stdout, "    ", json_string_value(json_array_get(commands, i)));
}

/* Commands are printed for accepted certificates only. */
bool verdicts_print_commands(const json_t *verdicts)
{
    struct told told = {.count = 0};
    const json_t *verdict;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        if (*json_text(verdict, "file_name") == '\0' || is_told(&told, verdict) ||
            !json_is_true(json_object_get(verdict, "accepted")))
            continue;
        if (told.count == 0)
            puts("\non the coordinator of the pool, with the file copied there:");
        told.verdicts[told.count++] = verdict;
        printf("  %s\n", json_text(verdict, "release"));
        print_lines(verdict, 0, 1);
    }
    if (told.count == 0)
        return false;
    puts("  then, on all of them");
    print_lines(told.verdicts[0], 1, COMMANDS_MAX);
    return true;
}

void verdicts_print(const json_t *verdicts)
{
    const json_t *verdict, *last = NULL;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        if (!same(last, verdict, "address") || !same(last, verdict, "service"))
            print_title(verdict);
        print_one(verdict);
        last = verdict;
    }
    if (verdicts_print_commands(verdicts))
        puts("  (wlbproxy cert export-for-pool DIR writes the files)");
    putchar('\n');
}
