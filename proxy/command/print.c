#include "proxy/command/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"

/* Returns how much of a command goes into a line: up to a blank outside of quotes. */
static size_t command_length(const char *command, size_t room)
{
    size_t best = 0;
    char quote = '\0';

    for (size_t i = 0; command[i] != '\0'; i++) {
        if (quote == '\0' && command[i] == ' ' && i > 0 && (i <= room || best == 0))
            best = i;
        if (quote == '\0' && (command[i] == '\'' || command[i] == '"'))
            quote = command[i];
        else if (command[i] == quote)
            quote = '\0';
    }
    return strlen(command) <= room + 2 || best == 0 ? strlen(command) : best;
}

void print_command(FILE *out, const char *lead, const char *command)
{
    const int indent = (int)strlen(lead);
    const size_t room = PRINT_COLUMNS - (size_t)indent - 2; /* for the " \\" */
    size_t len = command_length(command, room);

    fprintf(out, "%s%.*s", lead, (int)len, command);
    for (command += len; *command != '\0'; command += len) {
        command++; /* the blank */
        len = command_length(command, room - 2);
        fprintf(out, " \\\n%*s%.*s", indent + 2, "", (int)len, command);
    }
    fputc('\n', out);
}

/* Prints the sentence between two commands, without the words that only join them. */
static bool print_prose(FILE *out, const char *lead, const char *text, size_t len)
{
    char prose[1024];

    while (len > 0 && strchr(" ,;", *text) != NULL) {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len == 0)
        return false;
    snprintf(prose, sizeof(prose), "%.*s", (int)len, text);
    print_wrapped(out, lead, prose);
    return true;
}

void print_remedy(FILE *out, const char *lead, const char *text, const json_t *commands)
{
    const json_t *command;
    char blank[32];
    size_t i;

    snprintf(blank, sizeof(blank), "%*s", (int)strlen(lead), "");
    json_array_foreach(commands, i, command)
    {
        const char *words = json_string_value(command), *at = strstr(text, words);

        if (at == NULL)
            continue;
        if (print_prose(out, lead, text, (size_t)(at - text)))
            lead = blank;
        print_command(out, lead, words);
        text = at + strlen(words);
        lead = blank;
    }
    (void)print_prose(out, lead, text, strlen(text));
}

void span_text(uint64_t seconds, char text[SPAN_MAX])
{
    static const struct {
        uint64_t length;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i < 3 && seconds < units[i].length)
        i++;
    if (i == 3)
        snprintf(text, SPAN_MAX, "%" PRIu64 "s", seconds);
    else
        snprintf(text, SPAN_MAX, "%" PRIu64 "%c %" PRIu64 "%c", seconds / units[i].length,
            units[i].letter, seconds % units[i].length / units[i + 1].length,
            units[i + 1].letter);
}

void bytes_text(uint64_t bytes, char text[SPAN_MAX])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes / 1000;
    size_t i = 0;

    if (bytes < 1000) {
        snprintf(text, SPAN_MAX, "%" PRIu64 " B", bytes);
        return;
    }
    for (; value >= 999.95 && i < 5; i++)
        value /= 1000;
    snprintf(text, SPAN_MAX, "%.1f %s", value, units[i]);
}

const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

uint64_t json_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? (uint64_t)json_number_value(value) : 0;
}

static void print_finding(FILE *out, const json_t *finding)
{
    char lead[16], text[2048];

    snprintf(lead, sizeof(lead), "%-9s", json_text(finding, "severity"));
    snprintf(text, sizeof(text), "%s%s%s", json_text(finding, "file"),
        *json_text(finding, "file") != '\0' ? ": " : "", json_text(finding, "fact"));
    print_wrapped(out, lead, text);
    if (*json_text(finding, "why") != '\0')
        print_wrapped(out, "    why:  ", json_text(finding, "why"));
    if (*json_text(finding, "remedy") != '\0')
        print_remedy(out, "    mend: ", json_text(finding, "remedy"),
            json_object_get(finding, "commands"));
}

void print_findings(FILE *out, const json_t *findings)
{
    static const char *const severities[] = {"refused", "stale", "warning", "note"};
    const json_t *finding;
    size_t i;

    for (size_t s = 0; s < sizeof(severities) / sizeof(severities[0]); s++) {
        json_array_foreach(findings, i, finding)
        {
            if (strcmp(json_text(finding, "severity"), severities[s]) == 0)
                print_finding(out, finding);
        }
    }
}

bool is_told_by_a_finding(const char *sentence, const json_t *findings)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        const char *fact = json_text(finding, "fact");
        const char *severity = json_text(finding, "severity");

        /* Only a refusal's reason is printed; a warning was not the reason. */
        if (strcmp(severity, "refused") != 0 && strcmp(severity, "stale") != 0)
            continue;
        if (*fact != '\0' && strstr(sentence, fact) != NULL)
            return true;
    }
    return false;
}

static void join(const json_t *list, char *text, size_t size)
{
    const json_t *item;
    size_t i, len = 0;

    *text = '\0';
    json_array_foreach(list, i, item)
    {
        const char *word = json_string_value(item);

        if (len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : ", ",
                word != NULL ? word : "");
    }
}

/* A heading without a text is left out. */
static void print_field(
    FILE *out, const char *lead, const json_t *object, const char *key)
{
    if (*json_text(object, key) != '\0')
        print_wrapped(out, lead, json_text(object, key));
}

static void print_validity(FILE *out, const json_t *certificate)
{
    json_int_t days = json_integer_value(json_object_get(certificate, "days_left"));
    const char *end = json_text(certificate, "not_after");

    if (days < 0)
        fprintf(out, "    valid    EXPIRED since %s\n", end);
    else
        fprintf(
            out, "    valid    until %s (%" JSON_INTEGER_FORMAT " days)\n", end, days);
}

void print_certificate(FILE *out, const json_t *certificate)
{
    print_field(out, "  ", certificate, "file");
    print_field(out, "    subject  ", certificate, "subject");
    print_field(out, "    names    ", certificate, "names");
    print_field(out, "    issuer   ", certificate, "issuer");
    print_validity(out, certificate);
    fprintf(out, "    key      %s, %" PRIu64 " certificate%s sent\n",
        json_text(certificate, "key"), json_number(certificate, "chain_len"),
        json_number(certificate, "chain_len") == 1 ? "" : "s");
    print_wrapped(out, "    serial   ", json_text(certificate, "serial"));
    fprintf(out, "    sha256   %s\n", json_text(certificate, "sha256"));
}

void print_service(FILE *out, const json_t *service)
{
    const json_t *certificate;
    const char *engine = json_text(service, "tls_engine");
    char accept[512], connect[512], text[1200];
    size_t i;

    join(json_object_get(service, "accept"), accept, sizeof(accept));
    join(json_object_get(service, "connect"), connect, sizeof(connect));
    snprintf(text, sizeof(text), "[%s] %s%s%s, accepts on %s, connects to %s",
        json_text(service, "name"), json_text(service, "protocol"),
        *engine != '\0' ? " by TLS engine " : "", engine, accept,
        *connect != '\0' ? connect : "no address: its names do not resolve");
    print_wrapped(out, "", text);
    json_array_foreach(json_object_get(service, "certificates"), i, certificate)
        print_certificate(out, certificate);
}

void print_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}

void complain(const char *format, ...)
{
    char text[ERROR_TEXT_MAX + 64];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_wrapped(stderr, "", text);
}

void print_failure(const char *command, bool json, const char *why)
{
    json_t *answer;

    if (!json) {
        complain("wlbproxy %s: %s", command, why);
        return;
    }
    answer = json_pack("{sb so}", "ok", 0, "error", utf8_json(why));
    print_json(answer);
    json_decref(answer);
}
