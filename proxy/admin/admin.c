#include "proxy/admin/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "config/network.h"
#include "proxy/admin/admin_clients.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/sandbox.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_setup.h"

enum {
    ALLOWED_MAX = 64,
    STATUS_GOOD_FOR = 900, /* ms: within this time every client gets the last answer
                            * again */
    ASK_AGAIN = 5000, /* ms: after this the question counts as lost, and is asked again */
    MESSAGES_PER_ITERATION = 16,
    ACCEPT_REST = 10, /* ms */
};

static struct admin {
    int channel;
    int listener; /* -1: none */
    struct setup setup;
    struct network allowed[ALLOWED_MAX];
    size_t allowed_count;
    json_t *status; /* NULL: none yet */
    uint64_t told; /* ms: when it came */
    uint64_t asked; /* ms; 0: no answer is on its way */
    bool stopped;
    char confined_by[CONFINED_TEXT_MAX];
} admin = {.channel = CHANNEL_FD, .listener = -1};

static uint64_t now_ms(void)
{
    return (uint64_t)clock_now_ms();
}

/* ---- the master ---- */

static void say(enum message_type type, const char *text)
{
    char body[ERROR_TEXT_MAX + 16];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = type, .body = body};

    if (text != NULL)
        wire_put_text(&out, text);
    m.len = out.len;
    (void)channel_send(admin.channel, &m);
}

static void say_hello(void)
{
    char body[CONFINED_TEXT_MAX + 32];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_HELLO, .body = body};

    wire_put_text(&out, ""); /* it does no cryptography */
    wire_put_text(&out, admin.confined_by);
    m.len = out.len;
    (void)channel_send(admin.channel, &m);
}

static void send_pong(void)
{
    static const char nothing_lost[8];
    const struct message m = {
        .type = MESSAGE_PONG, .body = nothing_lost, .len = sizeof(nothing_lost)};

    (void)channel_send(admin.channel, &m);
}

static void take_listener(struct message *m)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};
    size_t count = wire_get_count(&r, 4);
    struct error ignored;

    admin.allowed_count = 0;
    for (size_t i = 0; i < count && i < ALLOWED_MAX; i++) {
        const char *text = wire_get_text(&r);

        if (text != NULL &&
            network_parse(text, &admin.allowed[admin.allowed_count], &ignored))
            admin.allowed_count++;
    }
    if (admin.listener >= 0)
        close(admin.listener);
    admin.listener = -1;
    if (m->fds_lost) /* the next process gets it */
        admin.stopped = true;
    if (m->fd_count != 1)
        return;
    admin.listener = m->fds[0];
    m->fd_count = 0;
}

static void take_status(struct message *m)
{
    struct sealed sealed;
    struct error ignored;

    if (m->fd_count != 1)
        return;
    m->fd_count = 0;
    if (!sealed_open(&sealed, m->fds[0], &ignored))
        return;
    json_decref(admin.status);
    admin.status = json_loadb(sealed.bytes, sealed.len, 0, NULL);
    sealed_close(&sealed);
    admin.told = now_ms();
    admin.asked = 0;
    admin_clients_take_status(admin.status, admin.told);
}

static void take(struct message *m)
{
    switch (m->type) {
    case MESSAGE_PING:
        send_pong();
        break;
    case MESSAGE_ADMIN:
        take_listener(m);
        break;
    case MESSAGE_STATUS:
        take_status(m);
        break;
    case MESSAGE_DRAIN:
    case MESSAGE_STOP:
        admin.stopped = true;
        break;
    default:
        break;
    }
}

static void read_channel(void)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;

    for (int i = 0; i < MESSAGES_PER_ITERATION; i++) {
        enum channel_result result = channel_receive(admin.channel, &m, buffer);

        if (result == CHANNEL_CLOSED)
            admin.stopped = true;
        if (result != CHANNEL_MESSAGE)
            return;
        take(&m);
        message_close_fds(&m);
    }
}

/* One question at a time: the master's work does not grow with the number of clients. */
static void ask_if_needed(uint64_t now)
{
    if (!admin_clients_await_status())
        return;
    if (admin.status != NULL && now - admin.told < STATUS_GOOD_FOR) {
        admin_clients_take_status(admin.status, now);
    } else if (admin.asked == 0 || now - admin.asked >= ASK_AGAIN) {
        admin.asked = now;
        say(MESSAGE_ASK_STATUS, NULL);
    }
}

/* ---- clients ---- */

/* Without admin_allow only this machine is allowed. A unix socket's mode decides who may
 * connect. */
static bool is_allowed(const struct sockaddr_storage *peer)
{
    const struct in6_addr address = network_address(peer);

    if (peer->ss_family == AF_UNIX)
        return true;
    for (size_t i = 0; i < admin.allowed_count; i++) {
        if (network_contains(&admin.allowed[i], &address))
            return true;
    }
    return admin.allowed_count == 0 &&
        (IN6_IS_ADDR_LOOPBACK(&address) ||
            (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127));
}

static void accept_one(uint64_t now)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    int fd = accept4(
        admin.listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        admin_clients_add(fd, is_allowed(&peer), now);
    else if (errno != EAGAIN && errno != EINTR)
        (void)poll(NULL, 0, ACCEPT_REST); /* an error that lasts keeps no CPU busy */
}

static void serve(void)
{
    enum { CHANNEL, LISTENER, CLIENTS };
    struct pollfd polls[CLIENTS + ADMIN_CLIENTS_MAX];

    while (!admin.stopped) {
        int wait = admin_clients_poll(polls + CLIENTS, now_ms());
        uint64_t now;

        polls[CHANNEL] = (struct pollfd){.fd = admin.channel, .events = POLLIN};
        polls[LISTENER] = (struct pollfd){.fd = admin.listener, .events = POLLIN};
        if (poll(polls, sizeof(polls) / sizeof(polls[0]), wait) < 0)
            continue;
        now = now_ms();
        admin_clients_serve(polls + CLIENTS, now);
        if (polls[LISTENER].revents != 0)
            accept_one(now);
        if (polls[CHANNEL].revents != 0)
            read_channel();
        ask_if_needed(now);
    }
}

/* ---- from start to end ---- */

/* The master's signals are not for us, even when they are sent to the whole group. */
static void ignore_signals(void)
{
    static const int ignored[] = {
        SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
}

static bool introduced(void)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;
    bool good;

    if (channel_receive(admin.channel, &m, buffer) != CHANNEL_MESSAGE)
        return false;
    good = m.type == MESSAGE_SETUP && setup_decode(&admin.setup, m.body, m.len);
    message_close_fds(&m);
    return good;
}

static bool start(struct error *err)
{
    const struct confinement confinement = {.identity = &admin.setup.identity};

    tzset();
    json_object_seed(0); /* reads a file */
    (void)fcntl(admin.channel, F_SETFL, O_NONBLOCK);
    return privileges_give_up(&confinement, admin.confined_by, err) &&
        sandbox_enter(SANDBOX_ADMIN, err);
}

int admin_main(void)
{
    struct error err;

    ignore_signals();
    prctl(PR_SET_NAME, "wlbproxy-admin", 0, 0, 0);
    if (!introduced()) {
        fprintf(stderr,
            "wlbproxy-admin is wlbproxy's own, which starts it: `wlbproxy run`\n");
        return 2;
    }
    if (!start(&err)) {
        say(MESSAGE_REFUSED, err.text);
        return 1;
    }
    say_hello();
    serve();
    admin_clients_close_all();
    json_decref(admin.status);
    return 0;
}
