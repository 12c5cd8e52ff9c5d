#include "config/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "config/endpoint_text.h"
#include "config/excerpt.h"
#include "proxy/base/error.h"

static const char unix_prefix[] = "unix:";

static bool read_port(const char *text, struct endpoint_text *parts)
{
    unsigned port = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (!isdigit((unsigned char)*c) || c - text >= 5)
            return false;
        port = port * 10 + (unsigned)(*c - '0');
    }
    parts->port = (uint16_t)port;
    return port >= 1 && port <= 65535;
}

static bool is_numeric(const char *host)
{
    return host[strspn(host, "0123456789.")] == '\0';
}

static bool is_host(const char *host)
{
    struct in_addr address;

    if (is_numeric(host))
        return inet_pton(AF_INET, host, &address) == 1;
    for (const char *c = host; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
            return false;
    }
    return *host != '\0' && *host != '.' && *host != '-';
}

/* The zone of "fe80::1%eth0" is left to the resolver. */
static bool is_ipv6(const char *host)
{
    char plain[ENDPOINT_HOST_MAX];
    struct in6_addr address;
    size_t len = strcspn(host, "%");

    memcpy(plain, host, len);
    plain[len] = '\0';
    if (host[len] == '%' && host[len + 1] == '\0')
        return false;
    return inet_pton(AF_INET6, plain, &address) == 1;
}

static bool parse_unix(const char *path, enum endpoint_use use,
    struct endpoint_text *parts, struct error *err)
{
    if (use == ENDPOINT_ACCEPT)
        return error_set(err, "unix sockets can be connected to, not accepted on");
    if (*path != '/')
        return error_set(err, "the path after 'unix:' must begin with '/'");
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return error_set(err, "a socket's path has at most %zu bytes",
            sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    parts->kind = ENDPOINT_UNIX;
    strcpy(parts->host, path);
    return true;
}

/* `colon` is the one before the port. */
static bool parse_host(const char *text, const char *colon, enum endpoint_use use,
    struct endpoint_text *parts, struct error *err)
{
    const char *host = text;
    size_t len = (size_t)(colon - text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';

    if (bracketed) {
        host++;
        len -= 2;
    }
    if (len >= sizeof(parts->host))
        return error_set(
            err, "its host is longer than %zu bytes", sizeof(parts->host) - 1);
    memcpy(parts->host, host, len);
    parts->host[len] = '\0';
    parts->kind = bracketed ? ENDPOINT_IPV6 : ENDPOINT_NAME;
    if (bracketed && !is_ipv6(parts->host))
        return error_set(
            err, "'[%s]' is not an IPv6 address", excerpt_of(host, len).text);
    if (bracketed || is_host(parts->host))
        return true;
    if (use == ENDPOINT_ACCEPT && (len == 0 || strcmp(parts->host, "*") == 0))
        return error_set(err, "for all addresses write the port alone");
    if (len == 0)
        return error_set(
            err, "the host is missing: write 127.0.0.1:%u", (unsigned)parts->port);
    if (strchr(parts->host, ':') != NULL)
        return error_set(err, "an IPv6 address needs brackets, as in [::1]:8012");
    return error_set(
        err, "'%s' is neither an address nor a host name", excerpt_of(host, len).text);
}

static bool refuse_url(
    const char *text, const char *slashes, enum endpoint_use use, struct error *err)
{
    size_t len = (size_t)(slashes - text) + strlen("://");
    bool tls = use == ENDPOINT_CONNECT &&
        (strncmp(text, "https://", len) == 0 || strncmp(text, "tls://", len) == 0);

    return error_set(err, "write %shost:port, without '%s'", tls ? "tls:" : "",
        excerpt_of(text, len).text);
}

static bool parse(const char *text, enum endpoint_use use, struct endpoint_text *parts,
    struct error *err)
{
    const char *colon = strrchr(text, ':');
    const char *slashes = strstr(text, "://");
    bool only_port = colon == NULL && read_port(text, parts);

    if (slashes != NULL)
        return refuse_url(text, slashes, use, err);
    if (endpoint_is_unix(text))
        return parse_unix(text + sizeof(unix_prefix) - 1, use, parts, err);
    if (only_port && use == ENDPOINT_CONNECT)
        return error_set(err, "the host is missing: write 127.0.0.1:%s", text);
    if (only_port) {
        parts->kind = ENDPOINT_ANY;
        parts->host[0] = '\0';
        return true;
    }
    if (colon == NULL || text[strlen(text) - 1] == ']')
        return error_set(err, "%s",
            use == ENDPOINT_ACCEPT
                ? "it is neither a port from 1 to 65535 nor address:port"
                : "the port is missing: write host:port or unix:/path");
    if (!read_port(colon + 1, parts))
        return error_set(
            err, "'%s' is not a port from 1 to 65535", excerpt_of_text(colon + 1).text);
    return parse_host(text, colon, use, parts, err);
}

bool endpoint_parse(const char *text, enum endpoint_use use, struct endpoint_text *parts,
    struct error *err)
{
    if (parse(text, use, parts, err))
        return true;
    return error_context(err, "'%s'", excerpt_of_text(text).text);
}

bool endpoint_check(const char *text, enum endpoint_use use, struct error *err)
{
    struct endpoint_text parts;

    return endpoint_parse(text, use, &parts, err);
}

bool endpoint_is_name(const char *text, enum endpoint_use use)
{
    struct endpoint_text parts = {.port = 0};
    struct error ignored;

    return endpoint_parse(text, use, &parts, &ignored) && parts.kind == ENDPOINT_NAME &&
        !is_numeric(parts.host);
}

bool endpoint_is_unix(const char *text)
{
    return strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0;
}

static void describe_ipv4(struct endpoint *endpoint, const void *address, in_port_t port)
{
    char host[INET_ADDRSTRLEN] = "";

    inet_ntop(AF_INET, address, host, sizeof(host));
    snprintf(endpoint->text, sizeof(endpoint->text), "%s:%u", host, ntohs(port));
}

static void describe_ipv6(struct endpoint *endpoint)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&endpoint->address;
    char host[INET6_ADDRSTRLEN] = "";

    /* An IPv4 client of a dual-stack socket is shown by its IPv4 address. */
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        describe_ipv4(endpoint, in6->sin6_addr.s6_addr + 12, in6->sin6_port);
        return;
    }
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    snprintf(
        endpoint->text, sizeof(endpoint->text), "[%s]:%u", host, ntohs(in6->sin6_port));
}

void endpoint_describe(struct endpoint *endpoint)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&endpoint->address;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&endpoint->address;

    if (endpoint->address.ss_family == AF_INET)
        describe_ipv4(endpoint, &in->sin_addr, in->sin_port);
    else if (endpoint->address.ss_family == AF_INET6)
        describe_ipv6(endpoint);
    else if (endpoint->address.ss_family == AF_UNIX)
        snprintf(endpoint->text, sizeof(endpoint->text), "unix:%.107s", un->sun_path);
    else
        strcpy(endpoint->text, "unknown");
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->len == b->len && memcmp(&a->address, &b->address, a->len) == 0;
}
