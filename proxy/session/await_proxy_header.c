#include "proxy/session/await_proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"
#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/proxy_header.h"
#include "proxy/session/client_log.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"

struct awaited {
    struct clients *clients;
    struct service *service; /* of a generation of which it holds a reference */
    struct poller poller;
    struct deadline deadline;
    struct list link; /* clients->awaiting_header */
    struct sockaddr_storage peer;
    void (*told)(struct clients *clients, struct service *service, int fd,
        const struct sockaddr_storage *client);
    const struct sockaddr_storage *client; /* NULL: refused */
    struct sockaddr_storage from_header;
    int fd; /* until it is passed on; -1: the poller has it */
    size_t len;
    unsigned char bytes[PROXY_HEADER_MAX];
};

static const struct service_settings *settings_of(const struct awaited *a)
{
    return a->service->settings;
}

/* It no longer waits, but is counted until the poller has closed. */
static void leave(struct awaited *a)
{
    list_remove(&a->link);
    deadline_disarm(&a->deadline);
}

static void end(struct awaited *a, enum end_reason reason, const char *detail)
{
    struct clients *clients = a->clients;

    leave(a);
    poller_close(&clients->loop->pollers, &a->poller);
    clients->counters.ends[reason]++;
    if (reason != END_PROBE)
        client_log_refusal(clients, reason, &a->peer, detail);
}

static void pass_on(struct awaited *a, const struct proxy_header *header)
{
    a->from_header = header->client;
    a->client = header->has_client ? &a->from_header : &a->peer;
    leave(a);
    a->fd = poller_release(&a->clients->loop->pollers, &a->poller);
}

static ssize_t take(struct awaited *a, size_t len)
{
    ssize_t n = fault_recv(a->poller.fd, a->bytes + a->len, len);

    if (n > 0)
        a->len += (size_t)n;
    return n;
}

/* The octets behind the header are TLS: they are peeked at and stay in the socket. */
static enum proxy_header_status look(struct awaited *a, struct proxy_header *header)
{
    ssize_t n =
        recv(a->poller.fd, a->bytes + a->len, sizeof(a->bytes) - a->len, MSG_PEEK);
    enum proxy_header_status status;
    size_t len;

    *header = (struct proxy_header){0};
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return PROXY_HEADER_PARTIAL;
    if (n <= 0)
        return PROXY_HEADER_INVALID; /* the header itself has no error */
    len = a->len + (size_t)n;
    status = proxy_header_read(a->bytes, len, settings_of(a)->proxy_protocol, header);
    if (status == PROXY_HEADER_WHOLE)
        len = header->len;
    if (status != PROXY_HEADER_INVALID && take(a, len - a->len) <= 0)
        return PROXY_HEADER_PARTIAL; /* the next event reports it */
    return status == PROXY_HEADER_WHOLE && a->len < header->len ? PROXY_HEADER_PARTIAL
                                                                : status;
}

static void on_happened(struct poller *p, uint32_t events)
{
    struct awaited *a = container_of(p, struct awaited, poller);
    struct proxy_header header;

    (void)events; /* recv() reports an error, too */
    a->clients->loop->events_seen = true;
    switch (look(a, &header)) {
    case PROXY_HEADER_PARTIAL:
        break;
    case PROXY_HEADER_WHOLE:
        pass_on(a, &header);
        break;
    case PROXY_HEADER_INVALID:
        if (header.error != NULL)
            end(a, END_PROXY_HEADER, header.error);
        else
            end(a, a->len == 0 ? END_PROBE : END_CLIENT_GONE, NULL);
        break;
    }
}

static void on_deadline(struct deadline *d)
{
    end(container_of(d, struct awaited, deadline), END_HANDSHAKE_TIMEOUT,
        "no PROXY header within handshake_timeout");
}

static void on_closed(struct poller *p)
{
    struct awaited *a = container_of(p, struct awaited, poller);
    struct clients *clients = a->clients;

    clients->awaiting_header_count--;
    if (a->client != NULL)
        a->told(clients, a->service, a->fd, a->client);
    generation_unref(a->service->generation);
    free(a);
    clients->on_end(clients);
}

void proxy_header_await(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer,
    void (*told)(struct clients *clients, struct service *service, int fd,
        const struct sockaddr_storage *client))
{
    struct awaited *a = memory_new(sizeof(*a));

    a->clients = clients;
    a->service = service;
    (void)generation_ref(service->generation);
    a->peer = *peer;
    a->told = told;
    a->fd = -1;
    a->poller.happened = on_happened;
    a->poller.closed = on_closed;
    deadline_init(&a->deadline, on_deadline);
    list_append(&clients->awaiting_header, &a->link);
    clients->awaiting_header_count++;
    poller_open(&clients->loop->pollers, &a->poller, fd);
    loop_arm(clients->loop, &a->deadline, settings_of(a)->handshake_timeout);
    if (poller_for(&clients->loop->pollers, &a->poller, POLL_READ) != 0)
        end(a, END_INTERNAL, "the kernel does not watch the connection");
}

void proxy_headers_adopt(
    struct clients *clients, struct generation *from, struct generation *to)
{
    for (struct list *node = clients->awaiting_header.next;
         node != &clients->awaiting_header; node = node->next) {
        struct awaited *a = container_of(node, struct awaited, link);
        struct service *service = a->service->generation == from
            ? generation_service(to, settings_of(a)->name)
            : NULL;

        if (service != NULL) {
            a->service = service;
            (void)generation_ref(to);
            generation_unref(from);
        }
    }
}

void proxy_headers_end(struct clients *clients)
{
    while (clients->awaiting_header.next != &clients->awaiting_header)
        end(container_of(clients->awaiting_header.next, struct awaited, link),
            END_DRAINED, NULL);
}
