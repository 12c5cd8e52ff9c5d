#include "proxy/signer/signer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/sandbox.h"
#include "proxy/crypto/engine.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/signing_stats.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/signer/signer_keys.h"
#include "proxy/signer/signer_queue.h"

enum { POLLS_MAX = SIGNING_WORKERS_MAX + 1, MESSAGES_PER_ITERATION = 16 };

static struct signer {
    int channel; /* -1: the master has gone */
    struct setup setup;
    bool confined, stopped;
    char confined_by[CONFINED_TEXT_MAX];
} signer = {.channel = CHANNEL_FD};

static void say(enum message_type type, uint32_t id, const char *text)
{
    char body[ERROR_TEXT_MAX + 16];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = type, .id = id, .body = body};

    if (text != NULL)
        wire_put_text(&out, text);
    m.len = out.len;
    (void)channel_send(signer.channel, &m);
}

static void say_hello(void)
{
    char body[1024];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_HELLO, .body = body};

    wire_put_text(&out, engine_description());
    wire_put_text(&out, signer.confined_by);
    m.len = out.len;
    (void)channel_send(signer.channel, &m);
}

/* Called after the first keys: by then the libraries have read what they read on first
 * use. */
static bool sandbox_once(struct error *err)
{
    if (!signer.confined)
        signer.confined = sandbox_enter(SANDBOX_SIGNER, err);
    return signer.confined;
}

static bool load(struct message *m, struct error *err)
{
    struct sealed sealed;
    bool loaded;

    if (m->fd_count != 1)
        return error_set(err, "an offer without its keys");
    m->fd_count = 0;
    if (!sealed_open(&sealed, m->fds[0], err))
        return false;
    loaded = signer_keys_load(sealed.bytes, sealed.len, err);
    sealed_close(&sealed);
    return loaded && sandbox_once(err);
}

static void take_offer(struct message *m)
{
    struct error err;

    if (load(m, &err)) {
        say(MESSAGE_READY, m->id, NULL);
        return;
    }
    signer_keys_forget(m->id);
    say(MESSAGE_REFUSED, m->id, err.text);
}

static void take_requester(struct message *m)
{
    if (m->fd_count != 1) { /* the next signer gets them all */
        signer.stopped = true;
        return;
    }
    m->fd_count = 0;
    signer_queue_add(m->id, m->fds[0]);
}

static void send_stats(uint32_t id)
{
    static char body[SIGNING_STATS_BYTES];
    static struct signing_stats stats;
    struct message m = {.type = MESSAGE_STATS, .id = id, .body = body};

    signer_queue_stats(&stats);
    stats.keys = (uint32_t)signer_keys_count();
    m.len = signing_stats_encode(&stats, body, sizeof(body));
    (void)channel_send(signer.channel, &m);
}

static void send_pong(void)
{
    static const char nothing_lost[8];
    const struct message m = {
        .type = MESSAGE_PONG, .body = nothing_lost, .len = sizeof(nothing_lost)};

    (void)channel_send(signer.channel, &m);
}

static void take(struct message *m)
{
    switch (m->type) {
    case MESSAGE_OFFER:
        take_offer(m);
        break;
    case MESSAGE_COMMIT: /* the keys of the offer sign already */
        say(MESSAGE_COMMITTED, m->id, NULL);
        break;
    case MESSAGE_FORGET:
        signer_keys_forget(m->id);
        break;
    case MESSAGE_RETIRE_KEYS:
        signer_keys_retire_before(m->id);
        break;
    case MESSAGE_REQUESTER:
        take_requester(m);
        break;
    case MESSAGE_PING:
        send_pong();
        break;
    case MESSAGE_ASK_STATS:
        send_stats(m->id);
        break;
    case MESSAGE_DRAIN:
    case MESSAGE_STOP:
        signer.stopped = true;
        break;
    default:
        break;
    }
}

static void on_misbehaviour(uint32_t slot)
{
    if (signer.channel >= 0)
        say(MESSAGE_MISBEHAVED, slot, NULL);
}

static void read_channel(void)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;
    enum channel_result result = CHANNEL_MESSAGE;

    for (int i = 0; i < MESSAGES_PER_ITERATION && result == CHANNEL_MESSAGE; i++) {
        result = channel_receive(signer.channel, &m, buffer);
        if (result != CHANNEL_MESSAGE)
            break;
        take(&m);
        message_close_fds(&m);
    }
    if (result == CHANNEL_CLOSED) {
        close(signer.channel);
        signer.channel = -1;
    }
}

static void serve(void)
{
    static struct pollfd polls[POLLS_MAX];

    while (!signer.stopped && (signer.channel >= 0 || !signer_queue_is_alone())) {
        size_t count = 1 + signer_queue_poll(polls + 1, POLLS_MAX - 1);

        polls[0] = (struct pollfd){.fd = signer.channel, .events = POLLIN};
        if (poll(polls, count, signer_queue_has_work() ? 0 : -1) < 0)
            continue;
        signer_queue_read(polls + 1, count - 1, on_misbehaviour);
        if (polls[0].revents != 0)
            read_channel();
        signer_queue_serve();
    }
}

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

    if (channel_receive(signer.channel, &m, buffer) != CHANNEL_MESSAGE)
        return false;
    good = m.type == MESSAGE_SETUP && setup_decode(&signer.setup, m.body, m.len);
    message_close_fds(&m);
    return good;
}

static bool start(struct error *err)
{
    static const enum engine_choice choices[] = {[CRYPTO_AUTO] = ENGINE_AUTO,
        [CRYPTO_OPENSSL] = ENGINE_STOCK,
        [CRYPTO_BATCHED] = ENGINE_BATCHED};
    const struct confinement confinement = {.identity = &signer.setup.identity};

    tzset();
    return secrets_init(err) && engine_start(choices[signer.setup.crypto % 3], err) &&
        privileges_give_up(&confinement, signer.confined_by, err);
}

int signer_main(void)
{
    struct error err;

    ignore_signals();
    prctl(PR_SET_NAME, "wlbproxy-signer", 0, 0, 0);
    if (!introduced()) {
        fprintf(stderr,
            "wlbproxy-signer is wlbproxy's own, which starts it: `wlbproxy run`\n");
        return 2;
    }
    if (!start(&err)) {
        say(MESSAGE_REFUSED, 0, err.text);
        return 1;
    }
    (void)fcntl(signer.channel, F_SETFL, O_NONBLOCK);
    say_hello();
    serve();
    signer_queue_destroy();
    signer_keys_destroy();
    engine_stop();
    return 0;
}
