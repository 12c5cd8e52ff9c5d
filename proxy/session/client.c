#include "proxy/session/client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/session/admission.h"

/* Below it reading continues, if only to notice a client that goes away. */
enum { UNPARSED_MAX = 32 * 1024 };

/* ---- states and deadlines ---- */

static void change_state(struct client *c, enum client_state next)
{
    log_debug("event=state conn=%u from=%s to=%s", c->id,
        client_state_text((enum client_state)c->state), client_state_text(next));
    c->clients->counters.states[c->state]--;
    c->clients->counters.states[next]++;
    c->state = (uint8_t)next;
    list_remove(&c->idle);
}

void client_enter(struct client *c, enum client_state next, uint64_t limit)
{
    change_state(c, next);
    if (next == CLIENT_AWAIT_HEAD)
        list_append(&c->clients->idle_clients, &c->idle);
    client_arm(c, limit);
}

void client_enter_closed(struct client *c)
{
    change_state(c, CLIENT_CLOSED);
    deadline_disarm(&c->deadline);
}

void client_arm(struct client *c, uint64_t limit)
{
    loop_arm(c->clients->loop, &c->deadline, limit);
}

void client_leave_handshakes(struct client *c)
{
    if (list_empty(&c->handshaking))
        return;
    list_remove(&c->handshaking);
    source_handshake_over(c->source);
    c->clients->counters.handshakes_in_progress--;
}

/* ---- bytes ---- */

void client_write(struct client *c, const char *bytes, size_t len)
{
    c->clients->counters.bytes_to_clients += len;
    if (!stream_write(&c->stream, bytes, len))
        c->full = true;
}

void client_watch(struct client *c)
{
    c->pending = stream_undelivered(&c->stream);
}

bool client_took_some(struct client *c, size_t *taken)
{
    size_t before = c->pending;

    c->pending = stream_undelivered(&c->stream);
    *taken = before > c->pending ? before - c->pending : 0;
    return *taken > 0;
}

void client_read_if(struct client *c, bool wanted)
{
    if (wanted)
        stream_resume(&c->stream);
    else
        stream_pause(&c->stream);
}

bool client_is_far_ahead(const struct client *c)
{
    return buffer_len(&c->unparsed) >= UNPARSED_MAX;
}

/* ---- its address ---- */

static void print_address(const struct in6_addr *address, char *text)
{
    bool four = IN6_IS_ADDR_V4MAPPED(address);

    inet_ntop(four ? AF_INET : AF_INET6, &address->s6_addr[four ? 12 : 0], text,
        INET6_ADDRSTRLEN);
}

/* Each request asks for it, and mostly all come from one client: the last text is
 * remembered. */
const char *client_ip(const struct client *c)
{
    static struct in6_addr last;
    static char text[INET6_ADDRSTRLEN];

    if (text[0] == '\0' || !IN6_ARE_ADDR_EQUAL(&last, &c->address)) {
        last = c->address;
        print_address(&last, text);
    }
    return text;
}

uint64_t client_source(const struct client *c)
{
    uint64_t halves[2];

    memcpy(halves, &c->address, sizeof(halves));
    return halves[0] * 31 + halves[1];
}

const char *client_peer(const struct client *c, char *text)
{
    const char *ip = client_ip(c);

    if (c->port == 0 && IN6_IS_ADDR_UNSPECIFIED(&c->address)) {
        strcpy(text, "unix:control"); /* a probe, which has no address */
        return text;
    }
    snprintf(text, CLIENT_PEER_MAX, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip,
        c->port);
    return text;
}
