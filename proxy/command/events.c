#include <string.h>

#include "proxy/base/end_reason.h"
#include "proxy/base/journal_entry.h"
#include "proxy/base/log_events.h"
#include "proxy/command/arguments.h"
#include "proxy/command/print.h"

static const struct {
    const char *name, *level, *fields, *meaning, *action;
} events[] = {
#define X(name, level, fields, meaning, action) {name, level, fields, meaning, action},
    LOG_EVENTS(X)
#undef X
};

static const char *message_id(const char *event)
{
    static char id[JOURNAL_ID_SIZE];

    journal_message_id(id, event, strlen(event));
    return id;
}

static void print_markdown(void)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    static const char *const faults[] = {
        "nobody's", "the client's", "the backend's", "ours"};

    puts("| event | level | fields | meaning | what to do | MESSAGE_ID in the journal |\n"
         "|---|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        printf("| `%s` | %s | %s | %s | %s | `%s` |\n", events[i].name, events[i].level,
            events[i].fields, events[i].meaning, events[i].action,
            message_id(events[i].name));
    puts("\n| end reason | level | whose fault | meaning |\n|---|---|---|---|");
    for (enum end_reason reason = 0; reason < END_REASON_COUNT; reason++)
        printf("| `%s` | %s | %s | %s |\n", end_reason_text(reason),
            levels[end_reason_level(reason)], faults[end_reason_fault(reason)],
            end_reason_meaning(reason));
}

static void print_text(void)
{
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        printf("event=%s (%s)\n  MESSAGE_ID=%s\n", events[i].name, events[i].level,
            message_id(events[i].name));
        print_wrapped(stdout, "  ", events[i].meaning);
        print_wrapped(stdout, "  ", events[i].action);
    }
    for (enum end_reason reason = 0; reason < END_REASON_COUNT; reason++) {
        printf("reason=%s\n", end_reason_text(reason));
        print_wrapped(stdout, "  ", end_reason_meaning(reason));
    }
}

int events_command(int argc, char **argv)
{
    bool markdown = false;
    const struct argument list[] = {
        {.name = "markdown", .help = "as tables of docs/events.md", .flag = &markdown},
    };
    const struct arguments arguments = {
        .command = "events",
        .summary = "Prints every event of the log and every reason of an end, with "
                   "meaning and remedy.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    if (markdown)
        print_markdown();
    else
        print_text();
    return EXIT_DONE;
}
