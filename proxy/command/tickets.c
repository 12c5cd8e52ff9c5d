#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "certstore/install/ticket_file.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/base/utf8_json.h"
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

static int rotate_running(const struct daemon *daemon, bool json)
{
    struct control_answer answer;
    struct error err;
    bool done;

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

static void print_rotated(const char *path, bool made)
{
    char *text = memory_format(made
            ? "%s: made, with a key that seals and the next one. Name it in each node's "
              "configuration (ticket_keys), and copy it there: the same bytes, mode 0600."
            : "%s: rotated; the key that was next seals now. Copy it to the other nodes "
              "before it is rotated again: they know that key already.",
        path);

    print_wrapped(stdout, "", text);
    free(text);
}

static int rotate_file(const char *path, bool json)
{
    struct ticket_file file;
    struct error err;
    bool made;

    if (!ticket_file_rotate(path, &file, &made, &err)) {
        print_failure("tickets rotate", json, err.text);
        return EXIT_FAILED;
    }
    if (json) {
        json_t *answer = json_pack("{sb so sb si}", "ok", 1, "file", utf8_json(path),
            "made", (int)made, "keys", file.has_previous ? 3 : 2);

        print_json(answer);
        json_decref(answer);
    } else {
        print_rotated(path, made);
    }
    ticket_file_wipe(&file);
    return EXIT_DONE;
}

static int rotate_of(const char *config, const char *control, bool json)
{
    struct daemon daemon;
    struct error err;
    int status;

    if (!daemon_find(&daemon, config, control, &err)) {
        print_failure("tickets rotate", json, err.text);
        return EXIT_FAILED;
    }
    status = rotate_running(&daemon, json);
    daemon_forget(&daemon);
    return status;
}

static int rotate(int argc, char **argv)
{
    const char *config = NULL, *control = NULL, *file = NULL;
    bool json = false;
    const struct argument list[] = {
        ARGUMENT_CONFIG(config),
        ARGUMENT_CONTROL(control),
        {.name = "file",
            .value = "FILE",
            .help = "the file of ticket_keys, made if it is missing",
            .text = &file},
        ARGUMENT_JSON(json),
    };
    const struct arguments arguments = {
        .command = "tickets rotate",
        .summary =
            "Makes the running proxy begin a new key for session tickets. Earlier "
            "tickets are opened for as long as a session lasts (ticket_lifetime). `cert "
            "install`, and a reload that changes a "
            "certificate, do so by themselves. With --file the keys of several nodes are "
            "rotated, in the file that they share: next becomes current, current becomes "
            "previous. The proxies that have it configured (ticket_keys) notice within "
            "seconds.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    return file != NULL ? rotate_file(file, json) : rotate_of(config, control, json);
}

int tickets_command(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "rotate") == 0)
        return rotate(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("usage: wlbproxy tickets rotate [OPTION]...\n\n"
             "  rotate   begin a new key for session tickets; see rotate --help");
        return EXIT_DONE;
    }
    fputs("wlbproxy tickets: the command is: wlbproxy tickets rotate\n", stderr);
    return EXIT_FAILED;
}
