#include "proxy/command/takeover/look.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "config/endpoint.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/daemon.h"
#include "proxy/command/peer.h"
#include "proxy/command/print.h"
#include "proxy/command/probe.h"
#include "proxy/master/port_owner.h"

/* Where a client of this machine connects: "8012", "0.0.0.0:8012", "[::]:8012". */
static char *connectable(const char *accept)
{
    const char *colon = strrchr(accept, ':');

    if (colon == NULL)
        return memory_format("127.0.0.1:%s", accept);
    if (strncmp(accept, "0.0.0.0:", 8) == 0)
        return memory_format("127.0.0.1%s", colon);
    return strncmp(accept, "[::]:", 5) == 0 ? memory_format("[::1]%s", colon)
                                            : memory_text(accept);
}

static bool add_port(struct look *look, const char *accept, struct error *err)
{
    const char *colon = strrchr(accept, ':');
    unsigned port = (unsigned)atoi(colon != NULL ? colon + 1 : accept);

    for (size_t i = 0; i < look->port_count; i++) {
        if (look->ports[i] == port)
            return true;
    }
    if (look->port_count == LOOK_PORTS_MAX)
        return error_set(err, "it has more than %d ports", LOOK_PORTS_MAX);
    look->ports[look->port_count++] = port;
    return true;
}

static const char *name_of(const struct service_settings *service)
{
    for (size_t i = 0; i < service->sni.count; i++) {
        if (service->sni.items[i][0] != '*')
            return service->sni.items[i];
    }
    return NULL;
}

bool look_init(struct look *look, const struct settings *settings, struct error *err)
{
    *look = (struct look){.settings = settings};
    look->items = memory_array(settings->service_count, sizeof(*look->items));
    for (size_t i = 0; i < settings->service_count; i++) {
        const struct service_settings *service = &settings->services[i];

        for (size_t k = 0; k < service->accept.count; k++) {
            if (!add_port(look, service->accept.items[k], err))
                return false;
        }
        look->items[look->count++] = (struct seen){.service = service->name,
            .where = connectable(service->accept.items[0]),
            .name = name_of(service),
            .http = service->protocol == PROTOCOL_HTTP};
    }
    return true;
}

void look_destroy(struct look *look)
{
    for (size_t i = 0; i < look->count; i++)
        free(look->items[i].where);
    free(look->items);
    *look = (struct look){0};
}

static bool ask(const struct seen *s, bool http, unsigned *status, struct error *err)
{
    struct peer peer;

    return (peer_name(&peer, s->where, err) &&
               peer_ask(&peer, s->name, http, status, err)) ||
        error_context(err, "[%s]", s->service);
}

static void note(const struct error *why)
{
    char *text = memory_format("%s; so it is not looked at afterwards", why->text);

    print_wrapped(stdout, "note     ", text);
    free(text);
}

bool look_before(struct look *look, struct error *err)
{
    struct error why;
    bool good = true;

    for (size_t i = 0; i < look->count; i++) {
        struct seen *s = &look->items[i];
        unsigned none;

        s->shakes_hands = ask(s, false, &none, &why);
        if (!s->shakes_hands)
            note(&why);
        else if (s->http && !ask(s, true, &s->status, err))
            good = error_context(err,
                "the backend does not answer through stunnel either; mend that first");
    }
    return good;
}

/* The proxy's own words for a backend that does not answer. */
static bool is_of_a_dead_backend(unsigned status)
{
    return status >= 502 && status <= 504;
}

static bool compare(const struct seen *s, bool request, struct error *err)
{
    unsigned status = 0;

    if (!s->shakes_hands)
        return true;
    if (!ask(s, request && s->http, &status, err))
        return false;
    if (is_of_a_dead_backend(status) && status != s->status)
        return error_set(err, "[%s] %s: the backend does not answer (status %u)",
            s->service, s->where, status);
    return true;
}

static bool compare_all(const struct look *look, bool request, struct error *err)
{
    for (size_t i = 0; i < look->count; i++) {
        if (!compare(&look->items[i], request, err))
            return false;
    }
    return true;
}

bool look_shakes_hands(const struct look *look, struct error *err)
{
    return compare_all(look, false, err);
}

static bool probe_all(
    const struct daemon *daemon, const json_t *status, struct error *err)
{
    const json_t *service;
    size_t i, workers;

    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        if (!probe_service(daemon, service, NULL, &workers, err))
            return false;
    }
    return true;
}

bool look_after(const struct look *look, const struct daemon *daemon, struct error *err)
{
    struct control_answer answer;
    bool good;

    if (!daemon_ask(daemon, "status", NULL, &answer, err))
        return false;
    good = probe_all(daemon, answer.json, err);
    control_answer_destroy(&answer);
    return good && compare_all(look, true, err);
}

unsigned look_held_port(const struct look *look)
{
    for (size_t i = 0; i < look->port_count; i++) {
        if (port_is_held(look->ports[i]))
            return look->ports[i];
    }
    return 0;
}
