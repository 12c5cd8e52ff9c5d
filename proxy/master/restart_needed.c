#include "proxy/master/restart_needed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/finding.h"
#include "config/connect_line.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* `found` gets every backend, until it returns true; returns the text of that one. NULL:
 * it never does. */
static const char *find_backend(const struct settings *settings,
    bool (*found)(struct tcp_ports *ports, uint16_t port), struct tcp_ports *ports)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        const struct text_list *connect = &settings->services[i].connect;

        for (size_t k = 0; k < connect->count; k++) {
            struct connect_line line;
            struct error ignored;

            if (connect_line_parse(connect->items[k], &line, &ignored) &&
                found(ports, connect_line_port(&line)))
                return connect->items[k];
        }
    }
    return NULL;
}

static bool is_unix(struct tcp_ports *ports, uint16_t port)
{
    (void)ports;
    return port == 0;
}

static bool is_new(struct tcp_ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++) {
        if (ports->list[i] == port)
            return false;
    }
    return port != 0;
}

/* True if there is no room for it. */
static bool add(struct tcp_ports *ports, uint16_t port)
{
    if (!is_new(ports, port))
        return false;
    if (ports->count == TCP_PORTS_MAX)
        return true;
    ports->list[ports->count++] = port;
    return false;
}

void started_with_init(struct started_with *started, const struct settings *settings)
{
    started->workers = settings->workers;
    started->crypto = settings->crypto;
    started->batch_hold = (uint32_t)settings->batch_hold;
    started->signer = settings->signer;
    started->connects_to_unix = find_backend(settings, is_unix, NULL) != NULL;
    started->ports = (struct tcp_ports){0};
    started->ports.held =
        find_backend(settings, add, &started->ports) == NULL && settings->fixed_ports;
    started->user = memory_text(settings->user);
    started->control = memory_text(settings->control);
}

void started_with_destroy(struct started_with *started)
{
    free(started->user);
    free(started->control);
    *started = (struct started_with){0};
}

bool restart_is_needed_to_connect(
    const struct started_with *started, const struct settings *fresh, struct error *err)
{
    struct tcp_ports ports = started->ports;
    const char *lacking = "a unix socket", *backend = NULL;

    if (!started->connects_to_unix)
        backend = find_backend(fresh, is_unix, NULL);
    if (backend == NULL && ports.held) {
        lacking = "this port (fixed_ports)";
        backend = find_backend(fresh, is_new, &ports);
    }
    if (backend == NULL)
        return false;
    error_set(err,
        "connect = %s: the workers were started without %s to connect to, and may not; "
        "restart the service (or upgrade it with SIGUSR2) for this",
        backend, lacking);
    return true;
}

static void warn(bool differs, const char *option, struct findings *findings)
{
    if (differs)
        findings_add(findings, "needs-restart", SEVERITY_WARNING, NULL, NULL,
            "the rest is applied; restart the service (or upgrade it with SIGUSR2) for "
            "this",
            "a reload does not change '%s'", option);
}

void restart_needed(const struct started_with *started, const struct settings *fresh,
    struct findings *findings)
{
    warn(started->workers != fresh->workers, "workers", findings);
    warn(started->crypto != (uint32_t)fresh->crypto, "crypto", findings);
    warn(started->batch_hold != fresh->batch_hold, "batch_hold", findings);
    warn(started->signer != fresh->signer, "signer", findings);
    warn(started->ports.held != fresh->fixed_ports, "fixed_ports", findings);
    warn(strcmp(started->user, fresh->user) != 0, "user", findings);
    warn(strcmp(started->control, fresh->control) != 0, "control", findings);
}
