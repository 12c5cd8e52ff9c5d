#include <inttypes.h>

#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/arguments.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/probe.h"

/* Other operators may keep reloading it: ask again so many times. */
enum { OVERTAKEN_MAX = 5 };

/* For the handshakes of all services together: each may wait for an answer by itself. */
enum { CONFIRM_MS = 300 * 1000 };

static void print_refusal(const json_t *verdict)
{
    const char *reason = json_text(verdict, "error");

    printf("reload REFUSED: generation %" PRIu64 " is %s\n",
        json_number(verdict, "generation"),
        json_is_true(json_object_get(verdict, "crl_reloaded"))
            ? "served: as before, with the new revocation lists"
            : "still served, as before");
    if (!is_told_by_a_finding(reason, json_object_get(verdict, "findings")))
        print_wrapped(stdout, "because  ", reason);
}

static void print_verdict(const json_t *verdict)
{
    uint64_t generation = json_number(verdict, "generation");

    if (json_is_true(json_object_get(verdict, "upgraded")))
        puts("upgraded: the program that is installed now has taken over, and no "
             "connection\nwas closed");
    if (!json_is_true(json_object_get(verdict, "ok")))
        print_refusal(verdict);
    else if (json_is_true(json_object_get(verdict, "unchanged")))
        printf("nothing has changed: generation %" PRIu64 " goes on being served\n",
            generation);
    else
        printf("reloaded: generation %" PRIu64 " is served\n", generation);
}

static void print_notes(const json_t *notes)
{
    const json_t *note;
    size_t i;

    json_array_foreach(notes, i, note)
        print_wrapped(stdout, "note     ", json_string_value(note));
}

/* Adds "confirmed" to each service, and the faults to the verdict. Past the daemon's time
 * nobody is asked any more. */
static bool confirm(const struct daemon *daemon, json_t *verdict)
{
    json_t *service;
    size_t i;
    bool good = true;

    json_array_foreach(json_object_get(verdict, "services"), i, service)
    {
        size_t workers = 0;
        struct error err = {""};
        bool confirmed = daemon_is_late(daemon)
            ? error_set(&err, "there was no time left to ask for a handshake")
            : probe_service(daemon, service, NULL, &workers, &err);

        json_object_set_new(service, "confirmed", json_boolean(confirmed));
        json_object_set_new(service, "handshakes", json_integer((json_int_t)workers));
        if (!confirmed)
            json_object_set_new(service, "doubt", utf8_json(err.text));
        good = good && confirmed;
    }
    return good;
}

static void print_services(const json_t *services)
{
    const json_t *service;
    size_t i;

    json_array_foreach(services, i, service)
    {
        uint64_t handshakes = json_number(service, "handshakes");

        putchar('\n');
        print_service(stdout, service);
        if (json_is_true(json_object_get(service, "confirmed")))
            printf("  confirmed by a handshake with %" PRIu64 " worker%s\n", handshakes,
                handshakes == 1 ? "" : "s");
        else if (*json_text(service, "doubt") != '\0')
            print_wrapped(stdout, "  NOT CONFIRMED: ", json_text(service, "doubt"));
    }
}

/* Another operator's reload may have come between the verdict and its proof. */
static bool is_overtaken(const struct daemon *daemon, const json_t *verdict)
{
    struct control_answer answer;
    struct error ignored;
    bool newer;

    if (!daemon_ask(daemon, "status", NULL, &answer, &ignored))
        return false;
    newer = json_number(answer.json, "generation") > json_number(verdict, "generation");
    control_answer_destroy(&answer);
    return newer;
}

static void print_answer(const json_t *answer, bool json)
{
    if (json) {
        print_json(answer);
        return;
    }
    print_verdict(answer);
    print_notes(json_object_get(answer, "notes"));
    print_findings(stdout, json_object_get(answer, "findings"));
    print_services(json_object_get(answer, "services"));
}

static int reload(const struct daemon *daemon, bool force, bool json)
{
    struct control_answer answer;
    struct error err;
    bool done, confirmed, again, upgraded = false, just_upgraded;
    struct daemon hurried = *daemon;

    for (int left = OVERTAKEN_MAX;; left--) {
        if (!daemon_reload(daemon, force, !upgraded, &answer, &err)) {
            print_failure("reload", json, err.text);
            return EXIT_FAILED;
        }
        done = json_is_true(json_object_get(answer.json, "ok"));
        just_upgraded = json_is_true(json_object_get(answer.json, "upgraded"));
        upgraded |= just_upgraded;
        if (hurried.due == 0)
            daemon_hurry(&hurried, CONFIRM_MS);
        confirmed = confirm(&hurried, answer.json);
        again = just_upgraded ||
            (!confirmed && left > 0 && is_overtaken(daemon, answer.json));
        if (!again)
            break;
        control_answer_destroy(&answer);
    }
    json_object_set_new(answer.json, "upgraded", json_boolean(upgraded));
    print_answer(answer.json, json);
    control_answer_destroy(&answer);
    return done && confirmed ? EXIT_DONE : EXIT_NEGATIVE;
}

int reload_command(int argc, char **argv)
{
    const struct daemon_command command = {
        .name = "reload",
        .summary =
            "Makes the running proxy read its configuration, certificates and "
            "keys again; waits; tells what is served now, confirmed by a "
            "handshake with every worker. Where another version was installed "
            "since it started, that takes over. Exit status 1: refused, and what was "
            "served before still is; or a worker did not present what it should "
            "(NOT CONFIRMED). 2: nobody could be asked. No connection is lost in "
            "any case.",
        .force = "take over what XenServer cannot use any more",
        .talk = reload,
    };

    return daemon_command(&command, argc, argv);
}
