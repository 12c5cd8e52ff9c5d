#include <inttypes.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/command/arguments.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"

static void print_answer(const json_t *answer)
{
    char lifetime[SPAN_MAX];

    span_text(json_number(answer, "lifetime"), lifetime);
    printf("session tickets: a new key seals from now on; sessions that were begun under "
           "the\none before end within %s\n",
        lifetime);
}

static int rotate(const struct daemon *daemon, bool force, bool json)
{
    struct control_answer answer;
    struct error err;
    bool done;

    (void)force;
    if (!daemon_ask(daemon, "rotate-tickets", NULL, &answer, &err)) {
        print_failure("tickets rotate", json, err.text);
        return EXIT_FAILED;
    }
    done = json_is_true(json_object_get(answer.json, "ok"));
    if (json)
        print_json(answer.json);
    else if (done)
        print_answer(answer.json);
    else
        complain("wlbproxy tickets rotate: %s", json_text(answer.json, "error"));
    control_answer_destroy(&answer);
    return done ? EXIT_DONE : EXIT_FAILED;
}

int tickets_command(int argc, char **argv)
{
    const struct daemon_command command = {
        .name = "tickets rotate",
        .summary =
            "Makes the running proxy begin a new key for session tickets. What was "
            "sealed before is opened for as long as a session lasts "
            "(ticket_lifetime). `cert install`, and a reload that changes a "
            "certificate, do so by themselves.",
        .talk = rotate,
    };

    if (argc > 1 && strcmp(argv[1], "rotate") == 0)
        return daemon_command(&command, argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("usage: wlbproxy tickets rotate [OPTION]...\n\n"
             "  rotate   begin a new key for session tickets; see rotate --help");
        return EXIT_DONE;
    }
    fputs("wlbproxy tickets: the command is: wlbproxy tickets rotate\n", stderr);
    return EXIT_FAILED;
}
