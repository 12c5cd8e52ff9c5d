#include "proxy/admin/admin_clients.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy/admin/answer.h"
#include "proxy/base/buffer.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"

enum {
    HEAD_MAX = 8 * 1024,
    READ_SIZE = 4096,
    READ_TIMEOUT = 5000, /* ms, for the whole head */
    STATUS_TIMEOUT = 5000,
    WRITE_TIMEOUT = 10000, /* for the whole response */
    LINGER_TIMEOUT = 1000, /* for the peer's own end */
};

static struct client {
    enum { UNUSED, READING, AWAITING_STATUS, WRITING, LINGERING } state;
    int fd;
    bool allowed;
    uint64_t began, due;
    struct parser *parser;
    struct answer_request request;
    struct buffer out;
} clients[ADMIN_CLIENTS_MAX];

static void end(struct client *c)
{
    if (c->state == UNUSED)
        return;
    close(c->fd);
    parser_free(c->parser);
    buffer_destroy(&c->out);
    *c = (struct client){.state = UNUSED};
}

static void enter(struct client *c, int state, uint64_t timeout, uint64_t now)
{
    c->state = state;
    c->due = now + timeout;
}

/* ---- the response ---- */

static void write_some(struct client *c, uint64_t now)
{
    ssize_t sent = send(
        c->fd, buffer_data(&c->out), buffer_len(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            end(c);
        return;
    }
    buffer_consume(&c->out, (size_t)sent);
    if (buffer_len(&c->out) > 0)
        return;
    /* If it were closed with unread bytes, the kernel would reset the response just
     * sent. */
    (void)shutdown(c->fd, SHUT_WR);
    enter(c, LINGERING, LINGER_TIMEOUT, now);
}

static void answer(struct client *c, const json_t *status, uint64_t now)
{
    answer_write(&c->out, &c->request, status, time(NULL));
    enter(c, WRITING, WRITE_TIMEOUT, now);
    write_some(c, now);
}

static void refuse(struct client *c, unsigned status, const char *sentence, uint64_t now)
{
    answer_refuse(&c->out, status, sentence, parser_says_head(c->parser));
    enter(c, WRITING, WRITE_TIMEOUT, now);
    write_some(c, now);
}

/* ---- the request ---- */

static void take_head(struct client *c, uint64_t now)
{
    c->request = answer_request_of(parser_head(c->parser));
    if (!c->allowed)
        refuse(c, 403, "admin_allow does not name your address", now);
    else if (answer_needs_status(&c->request))
        enter(c, AWAITING_STATUS, STATUS_TIMEOUT, now);
    else
        answer(c, NULL, now);
}

static void read_some(struct client *c, uint64_t now)
{
    char bytes[READ_SIZE];
    ssize_t got = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    const char *at = bytes, *body;
    size_t left = got > 0 ? (size_t)got : 0, body_len;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(c);
        return;
    }
    if (c->state != READING)
        return; /* LINGERING: the input is discarded */
    switch (parser_next(c->parser, &at, &left, &body, &body_len)) {
    case PARSE_HEAD:
        take_head(c, now);
        break;
    case PARSE_ERROR:
        refuse(c, parser_error_status(c->parser), parser_error(c->parser), now);
        break;
    default:
        break;
    }
}

/* ---- all of them ---- */

static struct client *place(void)
{
    struct client *oldest = &clients[0];

    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        if (clients[i].state == UNUSED)
            return &clients[i];
        if (clients[i].began < oldest->began)
            oldest = &clients[i];
    }
    end(oldest);
    return oldest;
}

void admin_clients_add(int fd, bool allowed, uint64_t now)
{
    const struct parser_limits limits = {.max_head = HEAD_MAX};
    struct client *c = place();

    *c = (struct client){.fd = fd, .allowed = allowed, .began = now};
    c->parser = parser_new(PARSER_REQUEST, &limits);
    enter(c, READING, READ_TIMEOUT, now);
}

int admin_clients_poll(struct pollfd *polls, uint64_t now)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        const struct client *c = &clients[i];
        bool waits = c->state == UNUSED || c->state == AWAITING_STATUS;

        polls[i] = (struct pollfd){
            .fd = waits ? -1 : c->fd, .events = c->state == WRITING ? POLLOUT : POLLIN};
        if (c->state != UNUSED && c->due < due)
            due = c->due;
    }
    return due == UINT64_MAX ? -1 : due <= now ? 0 : (int)(due - now);
}

void admin_clients_serve(const struct pollfd *polls, uint64_t now)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct client *c = &clients[i];

        if (c->state == UNUSED)
            continue;
        if (polls[i].revents != 0 && c->state == WRITING)
            write_some(c, now);
        else if (polls[i].revents != 0)
            read_some(c, now);
        if (c->state == AWAITING_STATUS && now >= c->due)
            answer(c, NULL, now);
        else if (c->state != UNUSED && now >= c->due)
            end(c);
    }
}

bool admin_clients_await_status(void)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        if (clients[i].state == AWAITING_STATUS)
            return true;
    }
    return false;
}

void admin_clients_take_status(const json_t *status, uint64_t now)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        if (clients[i].state == AWAITING_STATUS)
            answer(&clients[i], status, now);
    }
}

void admin_clients_close_all(void)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++)
        end(&clients[i]);
}
