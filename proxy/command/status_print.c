#include "proxy/command/status_print.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/metrics.h"
#include "proxy/command/print.h"

static void print_head(const json_t *status)
{
    char up[SPAN_MAX];

    span_text(json_number(status, "uptime"), up);
    printf("wlbproxy %s, pid %" PRIu64 ", up %s, serving generation %" PRIu64 "\n",
        json_text(status, "version"), json_number(status, "pid"), up,
        json_number(status, "generation"));
    print_wrapped(stdout, "config   ", json_text(status, "config"));
    if (*json_text(status, "crypto") != '\0')
        print_wrapped(stdout, "crypto   ", json_text(status, "crypto"));
    if (*json_text(status, "sandbox") != '\0')
        print_wrapped(stdout, "sandbox  ", json_text(status, "sandbox"));
}

static void print_last_reload(const json_t *status)
{
    const json_t *last = json_object_get(status, "last_reload");
    const char *disk_error = json_text(status, "disk_error");
    char text[1400];

    if (*json_text(last, "when") != '\0') {
        snprintf(text, sizeof(text), "%s, %s%s", json_text(last, "when"),
            json_is_true(json_object_get(last, "ok")) ? "done" : "REFUSED: ",
            json_text(last, "error"));
        print_wrapped(stdout, "reload   ", text);
    }
    if (*disk_error != '\0')
        print_wrapped(stdout, "on disk  ",
            strcmp(disk_error, json_text(last, "error")) == 0
                ? "it would still be refused, for the same reason"
                : disk_error);
    if (json_is_true(json_object_get(status, "reload_pending")))
        print_wrapped(stdout, "PENDING  ",
            "what is on disk differs from what is served: wlbproxy reload");
}

/* `told`: why the disk could not be judged at all. */
static void print_disk(const json_t *service, const char *told)
{
    const char *refusal = json_text(service, "disk_error");
    const json_t *certificate;
    size_t i;

    if (*refusal != '\0' && strcmp(refusal, told) != 0)
        print_wrapped(stdout, "  on disk: ", refusal);
    if (!json_is_true(json_object_get(service, "differs")))
        return;
    json_array_foreach(json_object_get(service, "disk"), i, certificate)
    {
        char text[512];

        snprintf(text, sizeof(text), "DIFFERS, reload pending: %s, until %s, serial %s",
            json_text(certificate, "subject"), json_text(certificate, "not_after"),
            json_text(certificate, "serial"));
        print_wrapped(stdout, "  on disk: ", text);
    }
}

static void print_services(const json_t *status)
{
    const json_t *service;
    size_t i;

    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        putchar('\n');
        print_service(stdout, service);
        print_disk(service, json_text(status, "disk_error"));
    }
}

static void print_generations(const json_t *generations)
{
    const json_t *generation;
    char age[SPAN_MAX];
    size_t i;

    printf("\n%-12s %-12s %s\n", "generation", "connections", "age");
    json_array_foreach(generations, i, generation)
    {
        span_text(json_number(generation, "age"), age);
        printf("%-12" PRIu64 " %-12" PRIu64 " %s%s\n",
            json_number(generation, "generation"), json_number(generation, "connections"),
            age,
            json_is_true(json_object_get(generation, "current")) ? "  (current)" : "");
    }
}

static void print_workers(const json_t *workers)
{
    const json_t *worker;
    char up[SPAN_MAX];
    size_t i;

    printf("\n%-7s %-8s %-11s %-12s %-9s %s\n", "worker", "pid", "generation",
        "connections", "restarts", "up");
    json_array_foreach(workers, i, worker)
    {
        bool silent = json_is_false(json_object_get(worker, "answers"));

        span_text(json_number(worker, "uptime"), up);
        printf("%-7" PRIu64 " %-8" PRIu64 " %-11" PRIu64 " %-12" PRIu64 " %-9" PRIu64
               " %s%s\n",
            json_number(worker, "worker"), json_number(worker, "pid"),
            json_number(worker, "generation"), json_number(worker, "connections"),
            json_number(worker, "restarts"), up, silent ? "  DOES NOT ANSWER" : "");
    }
}

static void print_full(const json_t *status)
{
    const uint64_t most =
        json_number(json_object_get(status, "descriptors"), "max_connections");
    const json_t *worker;
    char text[200];
    size_t i;

    json_array_foreach(json_object_get(status, "workers"), i, worker)
    {
        if (most == 0 || json_number(worker, "connections") < most)
            continue;
        snprintf(text, sizeof(text),
            "worker %" PRIu64 " has max_connections (%" PRIu64 ") clients: a new one "
            "takes the place of an idle one, or waits; raise max_connections",
            json_number(worker, "worker"), most);
        print_wrapped(stdout, "FULL     ", text);
    }
}

static void print_denied(const json_t *denied)
{
    char text[PATH_MAX + 1024];

    if (denied == NULL)
        return;
    snprintf(text, sizeof(text), "%s by service %s: %s", json_text(denied, "address"),
        json_text(denied, "service"), json_text(denied, "text"));
    print_wrapped(stdout, "DENIED   ", text);
}

static void print_signer(const json_t *signer)
{
    const json_t *process;
    char up[SPAN_MAX];
    size_t i;

    if (!json_is_object(signer))
        return;
    printf("\n%-7s %-8s %-11s %-12s %-9s %s\n", "signer", "pid", "signatures", "a second",
        "restarts", "up");
    json_array_foreach(json_object_get(signer, "processes"), i, process)
    {
        span_text(json_number(process, "uptime"), up);
        printf("%-7" PRIu64 " %-8" PRIu64 " %-11" PRIu64 " %-12" PRIu64 " %-9" PRIu64
               " %s%s\n",
            json_number(process, "signer"), json_number(process, "pid"),
            json_number(process, "signatures"),
            json_number(process, "signatures_per_second"),
            json_number(process, "restarts"), up,
            json_is_false(json_object_get(process, "answers")) ? "  DOES NOT ANSWER"
                                                               : "");
    }
    printf("        queue %" PRIu64 " (peak %" PRIu64 "), refused %" PRIu64
           ", keys %" PRIu64 "\n",
        json_number(signer, "queue"), json_number(signer, "queue_peak"),
        json_number(signer, "refused"), json_number(signer, "keys"));
}

static void print_backend(const char *service, const json_t *backend)
{
    uint64_t weight = json_number(backend, "weight");
    uint64_t active = json_number(backend, "active");

    printf("backend  [%s] %s%s: %s", service,
        json_is_true(json_object_get(backend, "tls")) ? "tls:" : "",
        json_text(backend, "address"),
        json_is_false(json_object_get(backend, "up")) ? "DOWN" : "no complaint");
    if (json_is_true(json_object_get(backend, "drained")))
        printf(", DRAINED");
    if (strcmp(json_text(backend, "state"), "starting") == 0)
        printf(", %" PRIu64 " %% of its share", json_number(backend, "share"));
    if (json_is_true(json_object_get(backend, "backup")))
        printf(", backup");
    if (weight > 1)
        printf(", weight %" PRIu64, weight);
    if (active > 0)
        printf(", %" PRIu64 " busy connection%s", active, active > 1 ? "s" : "");
    putchar('\n');
    if (json_is_false(json_object_get(backend, "up")) &&
        *json_text(backend, "reason") != '\0')
        print_wrapped(stdout, "    ", json_text(backend, "reason"));
}

static void print_backends(const json_t *status)
{
    const json_t *service, *backend;
    size_t i, k;

    putchar('\n');
    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        json_array_foreach(json_object_get(service, "backends"), k, backend)
            print_backend(json_text(service, "name"), backend);
    }
}

static void print_count(const char *name, const char *count, unsigned *column)
{
    char label[40];

    snprintf(label, sizeof(label), "%s", name);
    for (char *c = label; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    printf("%s%-25s %10s%s", *column == 0 ? "" : "   ", label, count,
        *column == 0 ? "" : "\n");
    *column = 1 - *column;
}

/* Two columns: the counters in the table of metrics. */
static void print_counters(const json_t *counters)
{
    static const char within[] = "counters.";
    unsigned column = 0;

    puts("\ncounted since the start");
    for (size_t i = 0; i < metrics_count; i++) {
        const char *name = metrics[i].path + sizeof(within) - 1;
        char text[SPAN_MAX];

        if (strncmp(metrics[i].path, within, sizeof(within) - 1) != 0)
            continue;
        snprintf(text, sizeof(text), "%" PRIu64, json_number(counters, name));
        if (strcmp(metrics[i].unit, "bytes") == 0)
            bytes_text(json_number(counters, name), text);
        print_count(name, text, &column);
    }
    if (column == 1)
        putchar('\n');
}

/* Two columns: of the long list only reasons that occurred. */
static void print_ends(const json_t *ends)
{
    json_t *object = (json_t *)ends, *value;
    const char *name;
    unsigned column = 0;
    bool begun = false;

    json_object_foreach(object, name, value)
    {
        char text[SPAN_MAX];

        if (json_integer_value(value) == 0)
            continue;
        if (!begun)
            puts("\nhow connections ended");
        begun = true;
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        print_count(name, text, &column);
    }
    if (column == 1)
        putchar('\n');
}

/* "TLSv1.3=120 TLSv1.2=4": the kinds that occurred. */
static void print_kinds(const char *title, const json_t *kinds)
{
    json_t *object = (json_t *)kinds;
    char lead[SPAN_MAX], text[1024] = "";
    const char *name;
    json_t *value;
    size_t len = 0;

    json_object_foreach(object, name, value)
    {
        if (json_integer_value(value) > 0 && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                "%s%s=%" JSON_INTEGER_FORMAT, len > 0 ? " " : "", name,
                json_integer_value(value));
    }
    snprintf(lead, sizeof(lead), "%-11s", title);
    if (len > 0)
        print_wrapped(stdout, lead, text);
}

static void print_handshakes(const json_t *status)
{
    const json_t *tls = json_object_get(status, "tls");
    const json_t *counters = json_object_get(status, "counters");

    printf("\nhandshakes: %" PRIu64 " full, %" PRIu64 " resumed, %" PRIu64 " failed\n",
        json_number(counters, "handshakes_full"),
        json_number(counters, "handshakes_resumed"),
        json_number(counters, "handshakes_failed"));
    print_kinds("engine", json_object_get(tls, "engines"));
    print_kinds("version", json_object_get(tls, "versions"));
    print_kinds("group", json_object_get(tls, "groups"));
    print_kinds("cipher", json_object_get(tls, "ciphers"));
    print_kinds("signature", json_object_get(tls, "signatures"));
    print_kinds("failure", json_object_get(tls, "failures"));
}

void status_print(const json_t *status)
{
    print_head(status);
    print_last_reload(status);
    print_services(status);
    print_backends(status);
    print_generations(json_object_get(status, "generations"));
    print_workers(json_object_get(status, "workers"));
    print_full(status);
    print_denied(json_object_get(status, "denied"));
    print_signer(json_object_get(status, "signer"));
    print_handshakes(status);
    print_counters(json_object_get(status, "counters"));
    print_ends(json_object_get(status, "ends"));
}
