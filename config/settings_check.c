#include <string.h>
#include <strings.h>

#include "config/connect_line.h"
#include "config/endpoint_text.h"
#include "config/settings_build.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/no_files.h"

static unsigned written_at(
    const struct settings_build *build, size_t service, const char *option)
{
    return build->services[service].lines[option_index(option_find(option))];
}

static bool keys_fit(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    if (service->key.count == 0 || service->key.count == service->cert.count)
        return true;
    *line = build_line(build, index, written_at(build, index, "key") ? "key" : "cert");
    return error_set(err,
        "[%s] has %zu cert and %zu key: each cert needs its key, in the same order (for "
        "a merged file, the same path twice)",
        service->name, service->cert.count, service->key.count);
}

/* Returns whether the option was written and is not empty. */
static bool says_something(const struct service_settings *service, const char *option)
{
    if (strcmp(option, "ca") == 0)
        return *service->ca != '\0';
    return strcmp(option, "crl") != 0 || service->crl.count > 0;
}

static bool nothing_is_for_verify(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    static const char *const unused[] = {
        "ca", "crl", "verify_depth", "verify_pins", "verify_names"};

    for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
        *line = written_at(build, index, unused[i]);
        if (*line != 0 && says_something(&build->settings->services[index], unused[i]))
            return error_set(err,
                "%s has no effect while verify = off: write verify = required or "
                "optional",
                unused[i]);
    }
    return true;
}

static bool clients_can_be_verified(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    if (service->verify == VERIFY_OFF)
        return nothing_is_for_verify(build, index, line, err);
    if (*service->ca != '\0')
        return true;
    if (service->verify_pins.count == 0) {
        *line = build_line(build, index, "verify");
        return error_set(err,
            "[%s] verifies clients, but neither ca nor verify_pins says which",
            service->name);
    }
    *line = build_line(build, index, "crl");
    return service->crl.count == 0 ||
        error_set(err, "crl needs ca: the certificates of the issuers that signed it");
}

/* A PROXY header is read before a name can choose a service. */
static bool proxies_are_named(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];
    bool reads = service->proxy_protocol != PROXY_PROTOCOL_OFF;

    *line = build_line(build, index, "proxy_protocol");
    if (reads && service->sni.count > 0)
        return error_set(err,
            "[%s] is chosen by sni, after the PROXY header: write proxy_protocol into "
            "the service without sni on the same address",
            service->name);
    if (reads && service->trusted.count == 0)
        return error_set(err,
            "proxy_protocol needs trusted: the addresses that may say whom they speak "
            "for");
    *line = build_line(build, index, "forwarded");
    if (service->forwarded == FORWARDED_APPEND && service->trusted.count == 0)
        return error_set(
            err, "forwarded = append needs trusted: the addresses whose fields are kept");
    *line = build_line(build, index, "trusted");
    return service->trusted.count == 0 || reads ||
        service->forwarded == FORWARDED_APPEND ||
        error_set(
            err, "trusted has no effect without proxy_protocol or forwarded = append");
}

static bool nothing_is_for_backend_tls(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    for (size_t i = 0; i < option_count(); i++) {
        *line = build->services[index].lines[i];
        if (*line != 0 && option_at(i)->backend_tls_only)
            return error_set(err,
                "%s has no effect without TLS to the backend: write connect = "
                "tls:host:port",
                option_at(i)->name);
    }
    return true;
}

static bool nothing_is_for_verified_backends(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    static const char *const unused[] = {"backend_ca", "backend_pins"};

    for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
        *line = written_at(build, index, unused[i]);
        if (*line != 0)
            return error_set(
                err, "%s has no effect while backend_verify = off", unused[i]);
    }
    return true;
}

/* A pin without an issuer is all that is looked for. */
static bool wants_backend_name(const struct service_settings *service)
{
    return *service->backend_name == '\0' &&
        (service->backend_pins.count == 0 ||
            strcmp(service->backend_ca, SETTINGS_CA_AUTO) != 0);
}

static bool backends_have_names(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    *line = build_line(build, index, "connect");
    for (size_t i = 0; i < service->connect.count && wants_backend_name(service); i++) {
        struct connect_line written;

        if (!connect_line_parse(service->connect.items[i], &written, err))
            return false;
        if (written.tls && endpoint_is_unix(written.address))
            return error_set(err,
                "connect %s: a socket has no host name that its certificate could be "
                "checked for; add: backend_name = NAME",
                service->connect.items[i]);
    }
    return true;
}

static bool backends_can_be_verified(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    if (!connect_lines_have_tls(&service->connect))
        return nothing_is_for_backend_tls(build, index, line, err);
    if (*service->backend_key != '\0' && *service->backend_cert == '\0') {
        *line = build_line(build, index, "backend_key");
        return error_set(err, "backend_key needs its certificate: backend_cert = FILE");
    }
    return service->backend_verify
        ? backends_have_names(build, index, line, err)
        : nothing_is_for_verified_backends(build, index, line, err);
}

/* A build without the folder of the native engine has none. */
static bool has_native_engine(void)
{
#ifdef WLB_TLS_NATIVE
    return true;
#else
    return false;
#endif
}

static bool engine_is_there(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    if (service->tls_engine != TLS_ENGINE_NATIVE || has_native_engine())
        return true;
    *line = build_line(build, index, "tls_engine");
    return error_set(err,
        "[%s] has tls_engine = native, but this wlbproxy was built without the native "
        "engine: write tls_engine = openssl",
        service->name);
}

static bool protocol_takes_options(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    for (size_t i = 0; i < option_count(); i++) {
        *line = build->services[index].lines[i];
        if (*line != 0 && option_at(i)->http_only)
            return error_set(
                err, "%s means nothing where protocol = tcp", option_at(i)->name);
    }
    return true;
}

static bool is_wildcard(const struct endpoint_text *address)
{
    return address->kind == ENDPOINT_ANY || strcmp(address->host, "0.0.0.0") == 0 ||
        strcmp(address->host, "::") == 0;
}

/* A port alone is every address of IPv4 and of IPv6. */
static bool same_address(const char *a, const char *b)
{
    struct endpoint_text first, second;
    struct error ignored;

    if (!endpoint_parse(a, ENDPOINT_ACCEPT, &first, &ignored) ||
        !endpoint_parse(b, ENDPOINT_ACCEPT, &second, &ignored))
        return false;
    if (first.port != second.port)
        return false;
    if (first.kind == ENDPOINT_ANY || second.kind == ENDPOINT_ANY)
        return is_wildcard(&first) && is_wildcard(&second);
    return first.kind == second.kind && strcasecmp(first.host, second.host) == 0;
}

static bool accepts_on(const struct service_settings *service, const char *address)
{
    for (size_t i = 0; i < service->accept.count; i++) {
        if (same_address(service->accept.items[i], address))
            return true;
    }
    return false;
}

static bool names_differ(
    const struct service_settings *a, const struct service_settings *b, struct error *err)
{
    for (size_t i = 0; i < a->sni.count; i++) {
        for (size_t j = 0; j < b->sni.count; j++) {
            if (strcasecmp(a->sni.items[i], b->sni.items[j]) == 0)
                return error_set(err, "[%s] answers to the name '%s' already", a->name,
                    a->sni.items[i]);
        }
    }
    return true;
}

static unsigned address_line(const struct settings_build *build, size_t index)
{
    unsigned line = build_line(build, index, "accept");

    return line != 0 ? line : build->services[index].at;
}

/* Returns whether a service can be told from the earlier ones on its address. */
static bool is_told_apart(const struct settings_build *build, size_t index,
    const char *address, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    for (size_t i = 0; i < index; i++) {
        const struct service_settings *other = &build->settings->services[i];

        if (!accepts_on(other, address))
            continue;
        if (other->sni.count == 0 && service->sni.count == 0) {
            *line = address_line(build, index);
            return error_set(err,
                "[%s] accepts on %s, as [%s] does: give one of them sni = NAME, or "
                "another address",
                service->name, address, other->name);
        }
        if (!names_differ(other, service, err)) {
            *line = build_line(build, index, "sni");
            return false;
        }
    }
    return true;
}

static bool has_default(const struct settings *settings, const char *address)
{
    for (size_t i = 0; i < settings->service_count; i++) {
        const struct service_settings *service = &settings->services[i];

        if (service->sni.count == 0 && accepts_on(service, address))
            return true;
    }
    return false;
}

static bool address_is_clear(const struct settings_build *build, size_t index,
    size_t which, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];
    const char *address = service->accept.items[which];

    for (size_t i = 0; i < which; i++) {
        if (same_address(service->accept.items[i], address)) {
            *line = address_line(build, index);
            return error_set(err, "[%s]: accept %s and %s are one address", service->name,
                service->accept.items[i], address);
        }
    }
    if (!has_default(build->settings, address)) {
        *line = build_line(build, index, "sni");
        return error_set(err,
            "[%s] is chosen by sni, but no service without sni accepts on %s for all "
            "other clients (XenServer's among them)",
            service->name, address);
    }
    return is_told_apart(build, index, address, line, err);
}

static bool service_check(
    const struct settings_build *build, size_t index, unsigned *line, struct error *err)
{
    const struct service_settings *service = &build->settings->services[index];

    if (!keys_fit(build, index, line, err) ||
        !clients_can_be_verified(build, index, line, err) ||
        !backends_can_be_verified(build, index, line, err) ||
        !engine_is_there(build, index, line, err) ||
        !proxies_are_named(build, index, line, err))
        return false;
    if (service->protocol == PROTOCOL_TCP &&
        !protocol_takes_options(build, index, line, err))
        return false;
    for (size_t i = 0; i < service->accept.count; i++) {
        if (!address_is_clear(build, index, i, line, err))
            return false;
    }
    return true;
}

static uint16_t port_of(const char *connect)
{
    struct connect_line line;
    struct error ignored;

    return connect_line_parse(connect, &line, &ignored) ? connect_line_port(&line) : 0;
}

static bool ports_can_be_fixed(
    const struct settings_build *build, unsigned *line, struct error *err)
{
    uint16_t ports[TCP_PORTS_MAX];
    size_t count = 0, known;

    for (size_t i = 0; build->settings->fixed_ports && i < build->settings->service_count;
         i++) {
        const struct text_list *connect = &build->settings->services[i].connect;

        for (size_t k = 0; k < connect->count; k++) {
            uint16_t port = port_of(connect->items[k]);

            for (known = 0; known < count && ports[known] != port; known++)
                ;
            if (port == 0 || known < count)
                continue;
            if (count == TCP_PORTS_MAX) {
                *line = build_line(build, i, "connect");
                return error_set(err,
                    "fixed_ports = on is possible with %d ports to connect to, and this "
                    "is one more",
                    TCP_PORTS_MAX);
            }
            ports[count++] = port;
        }
    }
    return true;
}

bool settings_check(const struct settings_build *build, unsigned *line, struct error *err)
{
    for (size_t i = 0; i < build->settings->service_count; i++) {
        if (!service_check(build, i, line, err))
            return false;
    }
    return ports_can_be_fixed(build, line, err);
}
