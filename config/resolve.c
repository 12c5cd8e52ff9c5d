#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/endpoint_text.h"
#include "proxy/base/error.h"

/* IPv6 may be compiled in and switched off, so try it. */
static bool have_ipv6(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

    if (fd >= 0)
        close(fd);
    return bound;
}

static size_t resolve_any(uint16_t port, struct endpoint *endpoint)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&endpoint->address;
    struct sockaddr_in *in = (struct sockaddr_in *)&endpoint->address;

    memset(endpoint, 0, sizeof(*endpoint));
    if (have_ipv6()) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        endpoint->len = sizeof(*in6);
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        endpoint->len = sizeof(*in);
    }
    endpoint_describe(endpoint);
    return 1;
}

static size_t resolve_unix(const char *path, struct endpoint *endpoint)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&endpoint->address;

    memset(endpoint, 0, sizeof(*endpoint));
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    endpoint->len = sizeof(*un);
    endpoint_describe(endpoint);
    return 1;
}

static size_t copy_addresses(
    const struct addrinfo *found, struct endpoint *list, size_t max)
{
    size_t count = 0;

    for (; found != NULL && count < max; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(list->address))
            continue;
        memset(&list[count], 0, sizeof(list[count]));
        memcpy(&list[count].address, found->ai_addr, found->ai_addrlen);
        list[count].len = found->ai_addrlen;
        endpoint_describe(&list[count]);
        count++;
    }
    return count;
}

static size_t resolve_name(const struct endpoint_text *parts, enum endpoint_use use,
    struct endpoint *list, size_t max, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    size_t count;
    int status;

    if (use == ENDPOINT_ACCEPT)
        hints.ai_flags |= AI_PASSIVE;
    if (parts->kind == ENDPOINT_IPV6)
        hints.ai_family = AF_INET6;
    snprintf(port, sizeof(port), "%u", (unsigned)parts->port);
    status = getaddrinfo(parts->host, port, &hints, &found);
    if (status != 0) {
        error_set(err,
            "the name '%s' cannot be resolved: %s; is it in DNS or /etc/hosts?",
            parts->host, status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status));
        return 0;
    }
    count = copy_addresses(found, list, max);
    freeaddrinfo(found);
    return count;
}

size_t endpoint_resolve(const char *text, enum endpoint_use use, struct endpoint *list,
    size_t max, struct error *err)
{
    struct endpoint_text parts;

    if (!endpoint_parse(text, use, &parts, err))
        return 0;
    if (max == 0) {
        error_set(err, "no room for an address of '%s'", text);
        return 0;
    }
    switch (parts.kind) {
    case ENDPOINT_ANY:
        return resolve_any(parts.port, list);
    case ENDPOINT_UNIX:
        return resolve_unix(parts.host, list);
    case ENDPOINT_NAME:
    case ENDPOINT_IPV6:
        break;
    }
    return resolve_name(&parts, use, list, max, err);
}
