#include "proxy/command/cert/cert_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/finding.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/command.h"
#include "proxy/command/print.h"
#include "proxy/master/describe.h"

void cert_say_init(struct cert_say *say, const char *command, bool json, bool dry_run)
{
    *say = (struct cert_say){command, json, dry_run, json_object()};
    json_object_set_new(say->answer, "steps", json_array());
    if (dry_run)
        json_object_set_new(say->answer, "dry_run", json_true());
}

void cert_say_step(
    struct cert_say *say, const char *will, const char *done, const char *fmt, ...)
{
    const char *verb = say->dry_run ? will : done;
    char what[1024], lead[16], line[1100];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    snprintf(line, sizeof(line), "%s %s", verb, what);
    json_array_append_new(json_object_get(say->answer, "steps"), utf8_json(line));
    if (say->json)
        return;
    snprintf(lead, sizeof(lead), "%-9s", verb);
    print_wrapped(stdout, lead, what);
    fflush(stdout);
}

void cert_say_findings(struct cert_say *say, const struct findings *findings)
{
    json_t *list = describe_findings(findings);

    if (!say->json)
        print_findings(stdout, list);
    json_object_set_new(say->answer, "findings", list);
}

void cert_say_certificate(struct cert_say *say, json_t *certificate)
{
    if (!say->json)
        print_certificate(stdout, certificate);
    json_object_set_new(say->answer, "certificate", certificate);
}

void cert_say_result(
    struct cert_say *say, const char *key, const char *value, const char *text)
{
    json_object_set_new(say->answer, key, utf8_json(value));
    if (!say->json && text != NULL)
        print_wrapped(stdout, "", text);
}

/* The commands in it are marked (remedy.h). */
static json_t *commands_in(const char *text)
{
    json_t *commands = json_array();
    char *command;

    while ((command = remedy_command(&text)) != NULL) {
        json_array_append_new(commands, utf8_json(command));
        free(command);
    }
    return commands;
}

void cert_say_error(struct cert_say *say, const struct error *err)
{
    char text[ERROR_TEXT_MAX + 64], *plain = remedy_plain(err->text);
    json_t *commands = commands_in(err->text);

    json_object_set_new(say->answer, "error", utf8_json(plain));
    if (json_array_size(commands) > 0)
        json_object_set(say->answer, "commands", commands);
    if (!say->json) {
        fflush(stdout);
        snprintf(text, sizeof(text), "wlbproxy %s: %s", say->command, plain);
        print_remedy(stderr, "", text, commands);
    }
    json_decref(commands);
    free(plain);
}

void cert_say_progress(const char *text)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s\n", text);
}

int cert_say_end(struct cert_say *say, int status)
{
    json_object_set_new(say->answer, "ok", json_boolean(status == EXIT_DONE));
    if (say->json)
        print_json(say->answer);
    json_decref(say->answer);
    return status;
}
