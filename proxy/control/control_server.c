#include "proxy/control/control_server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8_json.h"
#include "proxy/ipc/channel.h"

enum { TIMEOUT = 10000, TICK = 1000 };

/* ---- one client ---- */

static void release(uv_handle_t *handle)
{
    struct control_client *c = handle->data;

    shutdown(c->fd, SHUT_RDWR); /* the client sees the end even if close() fails */
    close(c->fd);
    for (size_t i = c->fds_sent; i < c->fd_count; i++)
        close(c->fds[i]);
    free(c->out);
    free(c);
}

static void drop(struct control_client *c)
{
    if (uv_is_closing((uv_handle_t *)&c->poll))
        return;
    if (c->work != NULL)
        c->server->gone(c);
    list_remove(&c->link);
    c->server->count--;
    uv_close((uv_handle_t *)&c->poll, release);
}

static size_t attach(struct control_client *c, struct msghdr *part, char *control)
{
    size_t count = c->fd_count - c->fds_sent;
    struct cmsghdr *rights;

    if (count == 0)
        return 0;
    if (count > CHANNEL_FDS)
        count = CHANNEL_FDS;
    part->msg_control = control;
    part->msg_controllen = CMSG_SPACE(count * sizeof(int));
    rights = CMSG_FIRSTHDR(part);
    assert(rights != NULL);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(rights), c->fds + c->fds_sent, count * sizeof(int));
    return count;
}

/* Descriptors go with the first bytes. While some are left, one byte is sent at a
 * time. */
static bool send_some(struct control_client *c)
{
    char control[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
    struct iovec bytes = {c->out + c->out_sent, c->out_len - c->out_sent};
    struct msghdr part = {.msg_iov = &bytes, .msg_iovlen = 1};
    size_t attached;
    ssize_t sent;

    memset(control, 0, sizeof(control));
    attached = attach(c, &part, control);
    if (attached > 0)
        bytes.iov_len = 1;
    sent = sendmsg(c->fd, &part, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0)
        return false;
    for (size_t i = 0; i < attached; i++)
        close(c->fds[c->fds_sent++]);
    c->out_sent += (size_t)sent;
    return true;
}

static void on_client(uv_poll_t *poll, int status, int events);

static void write_out(struct control_client *c)
{
    while (c->out_sent < c->out_len) {
        if (send_some(c))
            continue;
        if (errno == EAGAIN || errno == EINTR)
            uv_poll_start(&c->poll, UV_WRITABLE, on_client);
        else
            drop(c);
        return;
    }
    drop(c);
}

void control_reply(
    struct control_client *client, json_t *answer, const int *fds, size_t fd_count)
{
    char *text = json_dumps(answer, JSON_COMPACT);

    json_decref(answer);
    client->work = NULL;
    client->out_len = text != NULL ? strlen(text) + 1 : 0;
    client->out = text;
    if (text != NULL)
        text[client->out_len - 1] = '\n';
    client->fd_count = fd_count < CONTROL_FDS_MAX ? fd_count : CONTROL_FDS_MAX;
    if (fd_count > 0)
        memcpy(client->fds, fds, client->fd_count * sizeof(int));
    client->due = uv_now(client->server->loop) + TIMEOUT;
    write_out(client);
}

void control_refuse(struct control_client *client, const char *sentence)
{
    control_reply(
        client, json_pack("{sb so}", "ok", 0, "error", utf8_json(sentence)), NULL, 0);
}

static void take_request(struct control_client *c, size_t line_len)
{
    json_t *request = json_loadb(c->in, line_len, 0, NULL);

    c->due = 0;
    if (json_is_object(request))
        c->server->request(c, request);
    else
        control_refuse(c, "the request is not a JSON object on one line");
    json_decref(request);
}

/* Handles what was read: a whole line, the end of the input, or too much of it. */
static void take_in(struct control_client *c, size_t got)
{
    const char *newline = memchr(c->in + c->in_len, '\n', got);

    c->in_len += got;
    if (newline != NULL)
        take_request(c, (size_t)(newline - c->in));
    else if (got == 0)
        take_request(c, c->in_len);
    else if (c->in_len == sizeof(c->in))
        control_refuse(c, "the request is too long");
}

/* A client that has shut its side down (`nc -N`) still reads. If it has gone altogether,
 * the answer to it fails. */
static void read_in(struct control_client *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
    bool at_work = c->due == 0;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got == 0 && at_work)
        uv_poll_stop(&c->poll);
    else if (got < 0 || at_work || (got == 0 && c->in_len == 0))
        drop(c); /* gone, or more than one request */
    else
        take_in(c, (size_t)got);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct control_client *c = poll->data;

    if (status != 0)
        drop(c);
    else if (c->out != NULL && (events & UV_WRITABLE) != 0)
        write_out(c);
    else if (c->out == NULL && (events & UV_READABLE) != 0)
        read_in(c);
}

/* ---- all of them ---- */

/* Our workers may run as our own user, and they talk to the network: they may not ask. */
static bool is_welcome(const struct control_server *s, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
        (peer.uid == 0 || peer.uid == geteuid()) && !s->is_child(s, peer.pid);
}

static void accept_client(struct control_server *s, int fd)
{
    struct control_client *c = calloc(1, sizeof(*c));

    if (c == NULL || uv_poll_init(s->loop, &c->poll, fd) != 0) {
        free(c);
        close(fd); /* the service needs descriptors more than a question does */
        return;
    }
    c->server = s;
    c->fd = fd;
    c->due = uv_now(s->loop) + TIMEOUT;
    c->poll.data = c;
    list_append(&s->clients, &c->link);
    s->count++;
    uv_poll_start(&c->poll, UV_READABLE, on_client);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct control_server *s = poll->data;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)status;
    (void)events;
    if (fd < 0) {
        uv_poll_stop(poll); /* perhaps there are no descriptors: wait until the next
                             * tick */
        return;
    }
    if (s->count < CONTROL_CLIENTS_MAX && is_welcome(s, fd)) {
        accept_client(s, fd);
        return;
    }
    log_warning("event=control_refused reason=\"%s\"",
        s->count < CONTROL_CLIENTS_MAX ? "neither root nor our user, or a worker"
                                       : "too many clients");
    close(fd);
}

static void on_tick(uv_timer_t *timer)
{
    struct control_server *s = timer->data;
    struct list *node, *next;

    for (node = s->clients.next; node != &s->clients; node = next) {
        struct control_client *c = container_of(node, struct control_client, link);

        next = node->next;
        if (c->due != 0 && uv_now(s->loop) >= c->due)
            drop(c);
    }
    if (s->fd >= 0 && !uv_is_closing((uv_handle_t *)&s->poll))
        uv_poll_start(&s->poll, UV_READABLE, on_connection);
}

void control_server_init(struct control_server *s, uv_loop_t *loop)
{
    s->loop = loop;
    s->fd = -1;
    list_init(&s->clients);
    uv_timer_init(loop, &s->tick);
    s->tick.data = s;
}

bool control_server_open(
    struct control_server *s, const char *path, bool succeeding, struct error *err)
{
    int result;

    s->fd = control_path_listen(&s->path, path, succeeding, err);
    if (s->fd < 0)
        return false;
    result = uv_poll_init(s->loop, &s->poll, s->fd);
    if (result != 0) {
        control_path_remove(&s->path);
        close(s->fd);
        s->fd = -1;
        return error_set(err, "socket %s: %s", path, uv_strerror(result));
    }
    s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_connection);
    uv_timer_start(&s->tick, on_tick, TICK, TICK);
    return true;
}

static void on_closed(uv_handle_t *handle)
{
    struct control_server *s = handle->data;

    close(s->fd);
    s->fd = -1;
}

void control_server_stop(struct control_server *s)
{
    struct list *node;

    while ((node = list_take(&s->clients)) != NULL)
        drop(container_of(node, struct control_client, link));
    if (s->fd < 0 || uv_is_closing((uv_handle_t *)&s->poll))
        return;
    control_path_remove(&s->path);
    uv_close((uv_handle_t *)&s->poll, on_closed);
}
