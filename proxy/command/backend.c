#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/arguments.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"

enum { COLUMN_MAX = 48 };

struct request {
    const char *service, *address; /* NULL: not named */
    const char *action; /* "drain", "enable"; NULL: print the table */
};

/* ---- the table ---- */

struct widths {
    int service, address;
};

static void widen(int *width, const char *text)
{
    int len = (int)strlen(text);

    if (len > COLUMN_MAX)
        len = COLUMN_MAX;
    if (len > *width)
        *width = len;
}

static void print_row(const struct widths *widths, const char *service, const json_t *one)
{
    const char *since = json_text(one, "since"), *state = json_text(one, "state");
    uint64_t share = json_number(one, "share");
    char weight[32], address[400];

    snprintf(address, sizeof(address), "%s%s",
        json_is_true(json_object_get(one, "tls")) ? "tls:" : "",
        json_text(one, "address"));
    snprintf(weight, sizeof(weight), "%" PRIu64 "%s", json_number(one, "weight"),
        json_is_true(json_object_get(one, "backup")) ? " backup" : "");
    printf("%-*s  %-*s  %-8s  %-20s  %5" PRIu64 "  %s\n", widths->service, service,
        widths->address, address, state, *since != '\0' ? since : "start",
        json_number(one, "active"), weight);
    if (strcmp(state, "starting") == 0)
        printf("    gets %" PRIu64 " %% of its share (slow_start)\n", share);
    if (strcmp(state, "down") == 0 || strcmp(state, "failing") == 0)
        print_wrapped(stdout, "    ", json_text(one, "reason"));
}

static bool is_wanted(const struct request *request, const char *service)
{
    return request->service == NULL || strcmp(request->service, service) == 0;
}

/* The backends of the requested services, each with its service. */
static json_t *list_backends(const json_t *status, const struct request *request)
{
    json_t *list = json_array();
    const json_t *service, *backend;
    size_t i, k;

    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        if (!is_wanted(request, json_text(service, "name")))
            continue;
        json_array_foreach(json_object_get(service, "backends"), k, backend)
        {
            json_t *one = json_pack("{ss}", "service", json_text(service, "name"));

            json_object_update(one, (json_t *)backend);
            json_array_append_new(list, one);
        }
    }
    return list;
}

static void print_table(const json_t *list)
{
    struct widths widths = {(int)strlen("SERVICE"), (int)strlen("ADDRESS")};
    const json_t *one;
    bool any_tls = false;
    size_t i;

    json_array_foreach(list, i, one)
    {
        widen(&widths.service, json_text(one, "service"));
        widen(&widths.address, json_text(one, "address"));
        any_tls |= json_is_true(json_object_get(one, "tls"));
    }
    widths.address += any_tls ? (int)strlen("tls:") : 0;
    printf("%-*s  %-*s  %-8s  %-20s  %5s  %s\n", widths.service, "SERVICE",
        widths.address, "ADDRESS", "STATE", "SINCE", "BUSY", "WEIGHT");
    json_array_foreach(list, i, one) print_row(&widths, json_text(one, "service"), one);
}

static int show(const json_t *status, const struct request *request, bool json)
{
    json_t *list = list_backends(status, request);
    int result = EXIT_DONE;

    if (json) {
        json_t *answer = json_pack("{sb sO}", "ok", 1, "backends", list);

        print_json(answer);
        json_decref(answer);
    } else if (json_array_size(list) > 0) {
        print_table(list);
    } else {
        complain("wlbproxy backend: there is no service '%s'; `wlbproxy backend` lists "
                 "all",
            request->service);
        result = EXIT_FAILED;
    }
    json_decref(list);
    return result;
}

/* ---- a change ---- */

static void print_change(const json_t *answer)
{
    const char *service = json_text(answer, "service");
    const char *address = json_text(answer, "address");
    bool drained = json_is_true(json_object_get(answer, "drained"));
    char text[600];

    if (!json_is_true(json_object_get(answer, "changed")))
        snprintf(text, sizeof(text), "[%s] %s %s already", service, address,
            drained ? "is drained" : "is enabled");
    else if (drained)
        snprintf(text, sizeof(text),
            "[%s] %s is drained: it gets no new requests; what it serves now ends in its "
            "time (wlbproxy backend shows how many)",
            service, address);
    else
        snprintf(text, sizeof(text), "[%s] %s is enabled: it gets requests again",
            service, address);
    print_wrapped(stdout, "", text);
    if (*json_text(answer, "warning") != '\0')
        print_wrapped(stdout, "warning: ", json_text(answer, "warning"));
}

static int tell(const json_t *answer, const struct request *request, bool json)
{
    bool done = json_is_true(json_object_get(answer, "ok"));

    if (done && request->action == NULL)
        return show(answer, request, json);
    if (json)
        print_json(answer);
    else if (done)
        print_change(answer);
    else
        complain("wlbproxy backend: %s", json_text(answer, "error"));
    return done ? EXIT_DONE : EXIT_FAILED;
}

static json_t *question_for(const struct request *request)
{
    json_t *question;

    if (request->action == NULL)
        return json_pack("{ss}", "request", "status");
    question = json_pack("{ss ss}", "request", "backend", "action", request->action);
    if (request->service != NULL)
        json_object_set_new(question, "service", json_string(request->service));
    if (request->address != NULL)
        json_object_set_new(question, "address", json_string(request->address));
    return question;
}

static int ask(const struct daemon *daemon, const struct request *request, bool json)
{
    struct control_answer answer;
    struct error err;
    int result;

    if (!daemon_ask_json(daemon, question_for(request), &answer, &err)) {
        print_failure("backend", json, err.text);
        return EXIT_FAILED;
    }
    result = tell(answer.json, request, json);
    control_answer_destroy(&answer);
    return result;
}

/* ---- its arguments ---- */

static bool is_action(const char *word)
{
    return strcmp(word, "drain") == 0 || strcmp(word, "enable") == 0;
}

/* An address has a colon, a service's name has none. */
static bool is_address(const char *word)
{
    return strchr(word, ':') != NULL;
}

/* [SERVICE] [ADDRESS] [drain|enable] */
static bool take_words(
    const struct text_list *words, struct request *request, struct error *err)
{
    size_t count = words->count;

    if (count > 0 && is_action(words->items[count - 1]))
        request->action = words->items[--count];
    for (size_t i = 0; i < count; i++) {
        const char **place =
            is_address(words->items[i]) ? &request->address : &request->service;

        if (*place != NULL && request->action == NULL)
            return error_set(err, "'%s' is neither drain nor enable", words->items[i]);
        if (*place != NULL)
            return error_set(
                err, "'%s' is too much: one backend at a time", words->items[i]);
        *place = words->items[i];
    }
    if (request->address != NULL &&
        strncmp(request->address, "tls:", strlen("tls:")) == 0)
        request->address += strlen("tls:"); /* as `status` prints it */
    if (request->action == NULL && request->address != NULL)
        return error_set(
            err, "what is to become of %s? drain or enable", request->address);
    return true;
}

static int with_daemon(
    const char *config, const char *control, const struct text_list *words, bool json)
{
    struct request request = {.action = NULL};
    struct daemon daemon;
    struct error err;
    int status;

    if (!take_words(words, &request, &err) ||
        !daemon_find(&daemon, config, control, &err)) {
        print_failure("backend", json, err.text);
        return EXIT_FAILED;
    }
    status = ask(&daemon, &request, json);
    daemon_forget(&daemon);
    return status;
}

int backend_command(int argc, char **argv)
{
    const char *config = NULL, *control = NULL;
    struct text_list words = {.count = 0};
    bool json = false;
    const struct argument list[] = {
        ARGUMENT_CONFIG(config),
        ARGUMENT_CONTROL(control),
        ARGUMENT_JSON(json),
    };
    const struct arguments arguments = {
        .command = "backend",
        .summary =
            "Shows the backends of the running proxy and their states, or drains one: it "
            "gets no new requests until it is enabled, and what it serves ends in its "
            "time. That outlives reloads, upgrades and workers, but not a stop. SERVICE "
            "or ADDRESS may be left out where there is only one.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "[SERVICE] [ADDRESS] [drain|enable]",
        .operands = &words,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON)
        status = with_daemon(config, control, &words, json);
    text_list_clear(&words);
    return status;
}
