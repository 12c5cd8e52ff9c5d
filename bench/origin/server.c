#include "bench/origin/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/origin/echo.h"
#include "bench/origin/reply.h"
#include "bench/origin/soap.h"
#include "proxy/base/list.h"

enum { INPUT_MAX = 64 * 1024, EVENTS_MAX = 256, BURST = 8 };

enum state { AWAIT_HEAD, AWAIT_BODY, DELAY, SEND, PAUSE };

struct connection {
    struct list link; /* in `idle`, `timed` or nowhere */
    int fd;
    enum state state;
    uint32_t watched;
    uint64_t due; /* ms */
    struct body body;
    struct plan plan;
    struct echo *echo;
    struct reply reply;
    struct slice text; /* of the SOAP reply */
    bool peer_ended, asks_stats;
    size_t in_len;
    char in[INPUT_MAX];
};

static struct {
    unsigned long long connections, requests, open, vanished, peer_ended;
} stats;

static int epoll = -1;
static uint64_t now_ms;
static unsigned idle_after;
static struct list idle, timed;

static void update_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void watch(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (!c->peer_ended)
        event.events |= EPOLLRDHUP;
    if (c->watched != event.events)
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
    c->watched = event.events;
}

static void wait_in(struct connection *c, struct list *list, uint64_t ms)
{
    list_remove(&c->link);
    list_append(list, &c->link);
    c->due = now_ms + ms;
}

static void drop(struct connection *c)
{
    list_remove(&c->link);
    echo_free(c->echo);
    reply_end(&c->reply);
    close(c->fd);
    if (!c->asks_stats)
        stats.open--;
    free(c);
}

static void reset(struct connection *c)
{
    struct linger now = {1, 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    drop(c);
}

static void vanished(struct connection *c)
{
    if (c->state != AWAIT_HEAD || c->in_len > 0)
        stats.vanished++;
    drop(c);
}

static void used_up(struct connection *c, size_t len)
{
    c->in_len -= len;
    memmove(c->in, c->in + len, c->in_len);
}

/* ---- the reply ---- */

static char *stats_text(void)
{
    char *text;

    if (asprintf(&text,
            "{\"connections\":%llu,\"requests\":%llu,\"open\":%llu,\"vanished\":%llu,"
            "\"peer_ended\":%llu}\n",
            stats.connections, stats.requests, stats.open, stats.vanished,
            stats.peer_ended) < 0)
        abort();
    return text;
}

static void start_reply(struct connection *c)
{
    struct slice text = {NULL, 0};
    char *owned = NULL;

    if (c->plan.stats || c->echo != NULL) {
        owned = c->plan.stats ? stats_text() : echo_finish(c->echo);
        text = (struct slice){owned, strlen(owned)};
        c->echo = NULL;
    } else if (!c->plan.sized) {
        text = c->text;
    }
    reply_start(&c->reply, &c->plan, text, owned);
    c->state = c->plan.delay > 0 || c->plan.silent ? DELAY : SEND;
    if (c->state == DELAY) {
        wait_in(c, &timed, c->plan.silent ? UINT32_MAX : c->plan.delay);
        watch(c, 0);
    }
}

/* True when the connection remains for another request. */
static bool reply_done(struct connection *c)
{
    bool keep = c->reply.keep_alive && (c->plan.early == 0 || c->body.state == BODY_DONE);

    if (reply_is_cut(&c->reply) && c->plan.reset) {
        reset(c);
        return false;
    }
    reply_end(&c->reply);
    if (!keep) {
        drop(c);
        return false;
    }
    c->state = AWAIT_HEAD;
    wait_in(c, &idle, idle_after);
    return true;
}

enum progress { GONE, BLOCKED, GO_ON };

static enum progress write_piece(struct connection *c)
{
    struct msghdr message = {
        .msg_iov = c->reply.piece, .msg_iovlen = (size_t)c->reply.piece_count};
    ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN) {
        vanished(c);
        return GONE;
    }
    if (n < 0 || !reply_advance(&c->reply, (size_t)n)) {
        watch(c, EPOLLOUT);
        return BLOCKED;
    }
    c->reply.piece_count = 0;
    if (c->plan.pause == 0)
        return GO_ON;
    c->state = PAUSE;
    wait_in(c, &timed, c->plan.pause);
    watch(c, 0);
    return BLOCKED;
}

/* Writes until the reply is done or the socket is full. A long reply lets others proceed
 * now and then. */
static enum progress send_reply(struct connection *c)
{
    for (int i = 0; i < BURST; i++) {
        enum progress progress;

        if (c->reply.piece_count == 0 && !reply_next(&c->reply))
            return reply_done(c) ? GO_ON : GONE;
        progress = write_piece(c);
        if (progress != GO_ON)
            return progress;
    }
    watch(c, EPOLLOUT);
    return BLOCKED;
}

/* ---- the request ---- */

/* A request for the counters is not counted. */
static void count_request(struct connection *c)
{
    if (!c->plan.stats) {
        stats.requests++;
    } else if (!c->asks_stats) {
        c->asks_stats = true;
        stats.connections--;
        stats.open--;
    }
}

static enum progress take_head(struct connection *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct request request;
    long len = request_parse(&request, c->in, c->in_len);

    if (len < 0 || (len == 0 && c->in_len == INPUT_MAX)) {
        drop(c);
        return GONE;
    }
    if (len == 0)
        return BLOCKED;
    list_remove(&c->link);
    plan_make(&c->plan, &request);
    count_request(c);
    c->text = soap_reply(request.soap_action);
    if (c->plan.echo)
        c->echo = echo_new(&request);
    body_start(&c->body, &request);
    c->state = AWAIT_BODY;
    if (request.expects_continue && !c->plan.early)
        (void)send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (c->plan.early || c->body.state == BODY_DONE)
        start_reply(c);
    used_up(c, (size_t)len);
    return GO_ON;
}

static enum progress take_body(struct connection *c)
{
    size_t used = 0;

    while (c->body.state != BODY_DONE) {
        struct slice content;
        long n = body_feed(&c->body, c->in + used, c->in_len - used, &content);

        if (n < 0) {
            drop(c);
            return GONE;
        }
        if (n == 0)
            break;
        if (c->echo != NULL && content.len > 0)
            echo_body(c->echo, content);
        used += (size_t)n;
    }
    used_up(c, used);
    if (c->body.state != BODY_DONE)
        return BLOCKED;
    start_reply(c);
    return GO_ON;
}

/* Continues as far as the bytes read so far allow. */
static void go_on(struct connection *c)
{
    enum progress progress = GO_ON;

    while (progress == GO_ON) {
        if (c->state == AWAIT_HEAD)
            progress = take_head(c);
        else if (c->state == AWAIT_BODY)
            progress = take_body(c);
        else if (c->state == SEND)
            progress = send_reply(c);
        else
            return;
    }
    if (progress == BLOCKED && c->state <= AWAIT_BODY)
        watch(c, EPOLLIN);
}

static void read_more(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        vanished(c);
        return;
    }
    c->in_len += (size_t)n;
    go_on(c);
}

/* ---- the loop ---- */

static void on_event(struct connection *c, uint32_t events)
{
    if (events & EPOLLIN) {
        read_more(c);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        vanished(c);
    } else if (events & EPOLLRDHUP) {
        stats.peer_ended++;
        c->peer_ended = true;
        watch(c, c->watched & ~(uint32_t)EPOLLRDHUP);
    } else if (events & EPOLLOUT) {
        go_on(c);
    }
}

static void accept_one(int listening)
{
    struct connection *c;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
    int on = 1;
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    c = malloc(sizeof(*c));
    if (c == NULL)
        abort();
    memset(c, 0, offsetof(struct connection, in));
    c->fd = fd;
    c->watched = event.events;
    event.data.ptr = c;
    list_init(&c->link);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    stats.connections++;
    stats.open++;
    wait_in(c, &idle, idle_after);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        drop(c);
}

static void end_idle(void)
{
    while (!list_empty(&idle)) {
        struct connection *c = container_of(idle.next, struct connection, link);

        if (c->due > now_ms)
            return;
        drop(c);
    }
}

static void wake_timed(void)
{
    for (struct list *link = timed.next, *next; link != &timed; link = next) {
        struct connection *c = container_of(link, struct connection, link);

        next = link->next;
        if (c->due > now_ms)
            continue;
        list_remove(&c->link);
        c->state = SEND;
        go_on(c);
    }
}

static int time_to_wait(void)
{
    uint64_t wait = 1000;

    for (struct list *link = timed.next; link != &timed; link = link->next) {
        uint64_t due = container_of(link, struct connection, link)->due;
        uint64_t left = due > now_ms ? due - now_ms : 0;

        wait = left < wait ? left : wait;
    }
    return (int)wait;
}

static void one_turn(int listening)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll, events, EVENTS_MAX, time_to_wait());

    update_now();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            accept_one(listening);
        else
            on_event(events[i].data.ptr, events[i].events);
    }
    wake_timed();
    end_idle();
}

void server_run(int listening, unsigned idle_ms, const volatile int *stop)
{
    struct epoll_event event = {.events = EPOLLIN};

    list_init(&idle);
    list_init(&timed);
    idle_after = idle_ms;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event) < 0)
        abort();
    update_now();
    while (!*stop)
        one_turn(listening);
    close(epoll);
}
