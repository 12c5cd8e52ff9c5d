/*
 * relay - carries bytes between a client and a server through epoll, and does nothing
 * else: no TLS, no HTTP, no limit. In front of a TLS server it costs only the kernel's
 * part of passing that server's bytes on: no proxy can cost less.
 *
 *     relay LISTEN-PORT CONNECT-PORT CPU     on 127.0.0.1, until it is ended by a signal
 *
 * A proxy that keeps connections to its backend does not pay for their beginning and end.
 * So a process of its own, on that other CPU, connects and closes: it is no child of the
 * relay, and its time is not counted.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 256, READ_SIZE = 128 * 1024, BACKLOG = 4096, KEPT = 256 };

/* One end of a connection. Bytes it has read wait in `held` until the other end takes
 * them. */
struct end {
    int fd;
    struct end *other;
    char *held; /* NULL, or READ_SIZE bytes */
    size_t from, to;
    bool ended; /* it has sent its FIN */
    bool closed; /* freed at the end of the iteration */
    struct end *next; /* among those that are closed, or wait for a server's end */
};

static int poller, connector;
static struct end *closed;
static struct end *waiting, **last_waiting = &waiting;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool is_waiting(const struct end *end)
{
    return end->from < end->to;
}

/* Reads while nothing waits, writes when something does. */
static void watch(struct end *end, int how)
{
    struct epoll_event event = {.data.ptr = end};

    if (!end->ended && !is_waiting(end))
        event.events |= EPOLLIN;
    if (is_waiting(end->other))
        event.events |= EPOLLOUT;
    if (epoll_ctl(poller, how, end->fd, &event) < 0)
        die("epoll_ctl");
}

static void watch_both(struct end *end)
{
    watch(end, EPOLL_CTL_MOD);
    watch(end->other, EPOLL_CTL_MOD);
}

static void close_end(struct end *end)
{
    if (end->closed)
        return;
    /* The connector has the same socket, so that closing it here ends no watch. */
    epoll_ctl(poller, EPOLL_CTL_DEL, end->fd, NULL);
    close(end->fd);
    end->closed = true;
    end->next = closed;
    closed = end;
}

static void close_both(struct end *end)
{
    close_end(end->other);
    close_end(end);
}

static void free_closed(void)
{
    while (closed != NULL) {
        struct end *end = closed;

        closed = end->next;
        free(end->held);
        free(end);
    }
}

/* Sends the bytes in `held`, and then the end; false when the connection is over. */
static bool pass_on(struct end *end)
{
    while (is_waiting(end)) {
        ssize_t n = send(
            end->other->fd, end->held + end->from, end->to - end->from, MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN;
        end->from += (size_t)n;
    }
    if (end->ended && !end->other->ended)
        shutdown(end->other->fd, SHUT_WR);
    return !(end->ended && end->other->ended && !is_waiting(end->other));
}

static void hold(struct end *end, const char *bytes, size_t len)
{
    if (end->held == NULL && (end->held = malloc(READ_SIZE)) == NULL)
        die("malloc");
    memcpy(end->held, bytes, len);
    end->from = 0;
    end->to = len;
}

static bool read_from(struct end *end)
{
    static char bytes[READ_SIZE];
    ssize_t n = recv(end->fd, bytes, sizeof(bytes), 0);
    ssize_t sent;
    bool open;

    if (n < 0)
        return errno == EAGAIN;
    if (n > 0) {
        sent = send(end->other->fd, bytes, (size_t)n, MSG_NOSIGNAL);
        if (sent == n)
            return true;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            sent = 0;
        hold(end, bytes + sent, (size_t)(n - sent));
    }
    end->ended = n == 0;
    open = pass_on(end);
    watch_both(end);
    return open;
}

/* There is room again for the bytes that the other end has read. */
static bool on_room(struct end *end)
{
    bool open = pass_on(end->other);

    watch_both(end);
    return open;
}

static void on_end(struct end *end, uint32_t events)
{
    bool open = !(events & (EPOLLERR | EPOLLHUP));

    if (end->closed)
        return;
    if (open && events & EPOLLOUT)
        open = on_room(end);
    if (open && events & EPOLLIN)
        open = read_from(end);
    if (!open)
        close_both(end);
}

static struct end *new_end(int fd)
{
    struct end *end = calloc(1, sizeof(*end));
    int on = 1;

    if (end == NULL || fd < 0)
        die("new connection");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    end->fd = fd;
    return end;
}

/* The client waits, unread, until the connector has connected. */
static void on_client(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct end *client = new_end(fd);

        *last_waiting = client;
        last_waiting = &client->next;
        if (send(connector, "", 1, MSG_NOSIGNAL) != 1)
            die("ask the connector");
    }
}

/* -1 where the other process has ended. */
static int receive_socket(int from)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    int fd = -1;

    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static void send_socket(int to, int fd)
{
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    if (sendmsg(to, &message, MSG_NOSIGNAL) != 1)
        die("pass a socket on");
}

static void on_connected(void)
{
    struct end *client = waiting, *server = new_end(receive_socket(connector));

    assert(client != NULL); /* the connector answers once for each that waits */
    waiting = client->next;
    if (waiting == NULL)
        last_waiting = &waiting;
    client->other = server;
    server->other = client;
    watch(client, EPOLL_CTL_ADD);
    watch(server, EPOLL_CTL_ADD);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        ioctl(fd, FIONBIO, &on) < 0)
        die("connect");
    return fd;
}

/* It keeps the last sockets open, too: then closing one costs the relay nothing, and by
 * the time that it closes them here they are over. */
static void connect_for(int relay, uint16_t port, int cpu)
{
    static int kept[KEPT];
    cpu_set_t cpus;
    char byte;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    for (size_t i = 0; recv(relay, &byte, 1, 0) == 1; i = (i + 1) % KEPT) {
        if (kept[i] != 0)
            close(kept[i]);
        kept[i] = connect_to(port);
        send_socket(relay, kept[i]);
    }
    exit(0);
}

/* The process between ends at once, so that the connector is a child of none of ours. */
static void start_connector(uint16_t port, int cpu)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connector};
    int pair[2];
    pid_t between;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    between = fork();
    if (between == 0) {
        close(pair[0]);
        if (fork() == 0)
            connect_for(pair[1], port, cpu);
        _exit(0);
    }
    close(pair[1]);
    connector = pair[0];
    if (between < 0 || waitpid(between, NULL, 0) < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, connector, &event) < 0)
        die("the connector");
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BACKLOG) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("listen");
    return fd;
}

static void on_event(const struct epoll_event *event, int listener)
{
    if (event->data.ptr == NULL)
        on_client(listener);
    else if (event->data.ptr == &connector)
        on_connected();
    else
        on_end(event->data.ptr, event->events);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int listener;

    if (argc != 4) {
        fputs("usage: relay LISTEN-PORT CONNECT-PORT CPU\n", stderr);
        return 2;
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    start_connector((uint16_t)atoi(argv[2]), atoi(argv[3]));
    listener = listen_on((uint16_t)atoi(argv[1]));
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            on_event(&events[i], listener);
        free_closed();
    }
}
