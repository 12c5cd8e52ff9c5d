#include "proxy/base/error.h"
#include "proxy/command/arguments.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/status_print.h"

static int show(const struct daemon *daemon, bool force, bool json)
{
    struct control_answer answer;
    struct error err;
    bool good;

    (void)force;
    if (!daemon_ask(daemon, "status", NULL, &answer, &err)) {
        print_failure("status", json, err.text);
        return EXIT_FAILED;
    }
    good = json_is_true(json_object_get(answer.json, "ok"));
    if (json)
        print_json(answer.json);
    else if (good)
        status_print(answer.json);
    else
        complain("wlbproxy status: %s", json_text(answer.json, "error"));
    control_answer_destroy(&answer);
    return good ? EXIT_DONE : EXIT_FAILED;
}

int status_command(int argc, char **argv)
{
    const struct daemon_command command = {
        .name = "status",
        .summary =
            "Shows what the running proxy serves, whether the files on disk "
            "differ, and its state: workers, connections, backends, counters. Exit "
            "status 2: nobody answers on its socket, so that it probably does not "
            "run.",
        .talk = show,
    };

    return daemon_command(&command, argc, argv);
}
