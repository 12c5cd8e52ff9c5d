#include "proxy/worker/worker.h"

#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "config/settings.h"
#include "proxy/base/abort_log.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/crypto/engine.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/net/iteration.h"
#include "proxy/session/clients.h"
#include "proxy/worker/served.h"
#include "proxy/worker/worker_state.h"

enum {
    DRAIN_DEFAULT = 30000,
    REPLY_MAX = CHANNEL_BODY_MAX,
    CONFIRM_LOOK = 1, /* ms */
    CONFIRM_LOOKS = 1000,
    SIGNERS_MISSED_MAX = 5, /* a second apart: a shortage of descriptors that lasts */
    HEAP_KEPT = 4 << 20, /* bytes of freed memory at the end of the heap */
    MAPPED_FROM = 1 << 20, /* bytes of one allocation: more than a stream's buffer */
};

static void reply(struct worker *w, enum message_type type, uint32_t id, const char *text)
{
    char body[ERROR_TEXT_MAX + 16];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = type, .id = id, .body = body};

    if (text != NULL)
        wire_put_text(&out, text);
    m.len = out.len;
    (void)channel_send(w->channel, &m); /* if the master has gone, the poll notices it */
}

static void on_empty(void *owner)
{
    struct worker *w = owner;

    loop_stop(&w->loop);
}

static void on_drain_due(struct deadline *due)
{
    struct worker *w = container_of(due, struct worker, drain_due);

    log_warning("event=drain_ended connections=%u reason=\"drain_timeout is over\"",
        clients_count(w->clients));
    clients_close_all(w->clients);
}

static void drain(struct worker *w, bool handed_over)
{
    uint64_t drain_timeout = DRAIN_DEFAULT;

    if (w->draining)
        return;
    w->draining = true;
    if (w->current != NULL)
        drain_timeout = w->current->generation->settings->drain_timeout;
    log_info("event=draining connections=%u", clients_count(w->clients));
    worker_listeners_close(&w->listeners, handed_over);
    loop_arm(&w->loop, &w->drain_due, drain_timeout);
    clients_drain(w->clients, on_empty, w);
}

static void stop(struct worker *w)
{
    drain(w, true);
    clients_close_all(w->clients);
}

static void refuse(struct worker *w, const struct error *err)
{
    worker_forget(w);
    reply(w, MESSAGE_REFUSED, w->offered, err->text);
}

/* Once an iteration, and the loop does not wait meanwhile. */
static void on_preparing(uv_idle_t *preparing)
{
    struct worker *w = container_of(preparing, struct worker, preparing);
    struct error err;

    if (!worker_prepare_some(w, &err))
        refuse(w, &err);
    else if (worker_is_prepared(w))
        reply(w, MESSAGE_READY, w->offered, NULL);
}

static void take_offer(struct worker *w, struct message *m)
{
    struct error err;

    w->offered = m->id;
    if (worker_prepare(w, m, &err))
        uv_idle_start(&w->preparing, on_preparing);
    else
        refuse(w, &err);
}

/* By now flights with the old certificate have been sent, except those that wait for a
 * key operation. */
static void on_confirm_due(struct deadline *due)
{
    struct worker *w = container_of(due, struct worker, confirm_due);
    const struct generation *current = w->current->generation;

    if (clients_shows_older(w->clients, current) && ++w->confirm_looks < CONFIRM_LOOKS)
        loop_arm(&w->loop, &w->confirm_due, CONFIRM_LOOK);
    else
        reply(w, MESSAGE_COMMITTED, current->id, NULL);
}

static void take_commit(struct worker *w, uint32_t id)
{
    if (!worker_is_prepared(w) || w->prepared->generation->id != id)
        return;
    worker_commit(w);
    w->confirm_looks = 0;
    loop_arm(&w->loop, &w->confirm_due, CONFIRM_LOOK);
}

static void take_tickets(struct worker *w, const struct message *m)
{
    if (m->len == sizeof(w->tickets))
        memcpy(&w->tickets, m->body, m->len);
}

static void take_signer(struct worker *w, struct message *m)
{
    if (m->fd_count == 1) {
        m->fd_count = 0;
        w->signers_missed = 0;
        worker_signer_use(&w->signer, m->fds[0]);
    } else if (++w->signers_missed < SIGNERS_MISSED_MAX) {
        log_warning(
            "event=signer_gone text=\"no descriptor was left for a channel to it; "
            "another one is asked for\"");
        worker_signer_lose(&w->signer);
    } else { /* no handshake would be signed */
        reply(w, MESSAGE_REFUSED, 0,
            "no descriptor was left for its channel to the signer");
    }
}

static void on_signer_lost(void *owner)
{
    reply(owner, MESSAGE_ASK_SIGNER, 0, NULL);
}

/* The master made this connection to see which certificate we serve. */
static void take_probe(struct worker *w, struct message *m)
{
    struct wire_reader r = {.left = {(const void *)m->body, m->len}};
    const char *name = wire_get_text(&r);
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    struct service *service;

    if (name == NULL || w->current == NULL || m->fd_count != 1 || w->draining)
        return;
    service = served_service(w->current, name);
    if (service == NULL)
        return;
    m->fd_count = 0;
    clients_accept(w->clients, service, m->fds[0], &peer);
}

static void send_stats(struct worker *w, uint32_t id)
{
    static char body[REPLY_MAX];
    static struct worker_stats report;
    struct message m = {.type = MESSAGE_STATS, .id = id, .body = body};

    worker_collect(w, &report);
    m.len = worker_stats_encode(&report, body, sizeof(body));
    (void)channel_send(w->channel, &m);
}

static void send_pong(struct worker *w)
{
    static const struct message m = {.type = MESSAGE_PONG};

    (void)channel_send(w->channel, &m);
}

static void take(struct worker *w, struct message *m)
{
    switch (m->type) {
    case MESSAGE_LOGS:
        logs_take_message(m);
        break;
    case MESSAGE_TICKETS:
        take_tickets(w, m);
        break;
    case MESSAGE_SOCKETS:
        worker_take_sockets(w, m);
        break;
    case MESSAGE_OFFER:
        take_offer(w, m);
        break;
    case MESSAGE_COMMIT:
        take_commit(w, m->id);
        break;
    case MESSAGE_FORGET:
        worker_forget(w);
        break;
    case MESSAGE_SHUT:
        worker_listeners_shut(&w->listeners);
        break;
    case MESSAGE_PING:
        send_pong(w);
        break;
    case MESSAGE_ASK_STATS:
        send_stats(w, m->id);
        break;
    case MESSAGE_SIGNER:
        take_signer(w, m);
        break;
    case MESSAGE_ADDRESSES:
        worker_take_addresses(w, m);
        break;
    case MESSAGE_DRAINED_BACKENDS:
        worker_take_drained(w, m);
        break;
    case MESSAGE_PROBE:
        take_probe(w, m);
        break;
    case MESSAGE_DRAIN:
        drain(w, m->id != 0);
        break;
    case MESSAGE_STOP:
        stop(w);
        break;
    default:
        break;
    }
}

/* The master has gone, and the log with it: present clients are served to their end, and
 * the listening sockets are closed for the next master. */
static void orphaned(struct worker *w)
{
    uv_poll_stop(&w->poll);
    worker_forget(w);
    drain(w, true);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    static char buffer[CHANNEL_MESSAGE_MAX];
    struct worker *w = poll->data;
    struct message m;
    enum channel_result result = CHANNEL_AGAIN;

    (void)events;
    while (status == 0 &&
        (result = channel_receive(w->channel, &m, buffer)) == CHANNEL_MESSAGE) {
        take(w, &m);
        message_close_fds(&m);
    }
    explicit_bzero(buffer, sizeof(struct ticket_keys) + 16);
    if (status != 0 || result == CHANNEL_CLOSED)
        orphaned(w);
}

/* The master's signals are not for us, even when they are sent to the whole group. A
 * manager that sends TERM to all processes means the master. */
static void ignore_signals(void)
{
    static const int ignored[] = {
        SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
}

/* Waits for the messages that come before the loop runs: setup, logs, ticket keys. */
static bool introduced(struct worker *w)
{
    char buffer[CHANNEL_MESSAGE_MAX];
    struct message m;
    bool good;

    if (channel_receive(w->channel, &m, buffer) != CHANNEL_MESSAGE)
        return false;
    good = m.type == MESSAGE_SETUP && setup_decode(&w->setup, m.body, m.len);
    message_close_fds(&m);
    return good;
}

/* Each reply allocates and frees its buffers. With glibc's thresholds the kernel would
 * take their pages back each time, and map them again for the next reply. After many
 * clients have gone, malloc_trim() gives everything back, see clients.c. */
static void keep_freed_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
}

static bool start(struct worker *w, struct error *err)
{
    static const enum engine_choice choices[] = {[CRYPTO_AUTO] = ENGINE_AUTO,
        [CRYPTO_OPENSSL] = ENGINE_STOCK,
        [CRYPTO_BATCHED] = ENGINE_BATCHED};
    const struct confinement confinement = {.identity = &w->setup.identity,
        .needs_paths = w->setup.connects_to_unix,
        .ports = &w->setup.ports};

    tzset();
    if (w->setup.signer)
        engine_use_signer(certificate_key_number);
    if (!secrets_init(err) || !engine_start(choices[w->setup.crypto % 3], err))
        return false;
    privileges_volunteer();
    return privileges_give_up(&confinement, w->confined_by, err) &&
        sandbox_enter_early(uv_version(), err);
}

static void say_hello(struct worker *w)
{
    char body[1024];
    struct wire_writer out = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_HELLO, .body = body};

    wire_put_text(&out, engine_description());
    wire_put_text(&out, w->confined_by);
    m.len = out.len;
    (void)channel_send(w->channel, &m);
}

static void serve(struct worker *w)
{
    loop_init(&w->loop);
    w->loop.handshakes.batch_hold = (uint64_t)w->setup.batch_hold * 1000;
    w->clients = clients_new(&w->loop);
    worker_listeners_init(&w->listeners, &w->loop, w->clients);
    list_init(&w->generations);
    worker_signer_init(&w->signer, &w->loop, on_signer_lost, w);
    deadline_init(&w->drain_due, on_drain_due);
    deadline_init(&w->confirm_due, on_confirm_due);
    uv_idle_init(&w->loop.uv, &w->preparing);
    w->poll.data = w;
    if (uv_poll_init(&w->loop.uv, &w->poll, w->channel) != 0)
        abort();
    uv_poll_start(&w->poll, UV_READABLE, on_readable);
    say_hello(w);
    loop_run(&w->loop);
}

static void finish(struct worker *w)
{
    deadline_disarm(&w->drain_due);
    deadline_disarm(&w->confirm_due);
    uv_close((uv_handle_t *)&w->poll, NULL);
    uv_close((uv_handle_t *)&w->preparing, NULL);
    worker_signer_close(&w->signer);
    worker_release_generations(w);
    loop_run(&w->loop);
    clients_free(w->clients);
    loop_destroy(&w->loop);
    engine_stop();
    explicit_bzero(&w->tickets, sizeof(w->tickets));
    access_log_finish();
}

int worker_main(credential_key_reader *read_key)
{
    static struct worker worker = {.channel = CHANNEL_FD, .sealed = {.fd = -1}};
    struct error err;

    keep_freed_memory();
    worker.read_key = read_key;
    ignore_signals();
    log_open(STDERR_FILENO, LOG_KIND_PARENT, LOG_LEVEL_INFO, "");
    abort_log_to_log();
    prctl(PR_SET_NAME, "wlbproxy-worker", 0, 0, 0);
    if (!introduced(&worker)) {
        fprintf(stderr,
            "wlbproxy-worker is wlbproxy's own, which starts it: `wlbproxy run`\n");
        return 2;
    }
    if (!start(&worker, &err)) {
        reply(&worker, MESSAGE_REFUSED, 0, err.text);
        return 1;
    }
    serve(&worker);
    finish(&worker);
    return 0;
}
