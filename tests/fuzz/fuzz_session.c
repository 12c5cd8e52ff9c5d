/*
 * A whole session: the input is a script of bytes from clients and backends, and of their
 * ends. No script may crash, leak, hang or leave a connection behind.
 */
#include "../unit/session_rig.h"

enum { PEERS = 4, BYTES_MAX = 200 };

static const char *const options[] = {
    "",
    "backend_keepalive = 4\n",
    "upgrade = websocket\nbackend_keepalive = 1\n",
    "protocol = tcp\n",
    "max_body = 16b\nmax_head = 1k\nmax_pipelined = 2\n",
    "paths = GET /ok\nmax_pipelined = 4\n",
    ("paths = POST /\nauth_failures = 1\nsend_proxy = v2\nforwarded = append\n"
     "trusted = 127.0.0.1\n"),
};

static const char *const phrases[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /ok HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: "
    "100-continue\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nto the end",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\n\r\n",
};

struct script {
    const uint8_t *at, *end;
};

static unsigned next(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

struct peers {
    int clients[PEERS], backends[PEERS];
    unsigned backend_count;
};

static void speak(struct script *script, int fd, unsigned how)
{
    char bytes[BYTES_MAX];
    size_t len = next(script) % BYTES_MAX;

    if (fd < 0)
        return;
    if (how % 2 == 0) {
        const char *phrase = phrases[len % (sizeof(phrases) / sizeof(phrases[0]))];

        (void)send(fd, phrase, strlen(phrase), MSG_NOSIGNAL);
        return;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)next(script);
    (void)send(fd, bytes, len, MSG_NOSIGNAL);
}

static void end(int *fd, unsigned how)
{
    if (*fd < 0)
        return;
    if (how % 2 == 0) {
        shutdown(*fd, SHUT_WR);
        return;
    }
    close(*fd);
    *fd = -1;
}

static void accept_backends(struct rig *rig, struct peers *peers)
{
    for (int i = 0; i < RIG_BACKENDS; i++) {
        int fd = rig->listeners[i] < 0 ? -1 : rig_backend(rig, i);
        int *slot = &peers->backends[peers->backend_count % PEERS];

        if (fd < 0)
            continue;
        if (*slot >= 0)
            close(*slot);
        *slot = fd;
        peers->backend_count++;
    }
}

static void step(struct rig *rig, struct peers *peers, struct script *script)
{
    unsigned what = next(script);
    int *client = &peers->clients[what / 16 % PEERS];
    int *backend = &peers->backends[what / 16 % PEERS];

    switch (what % 8) {
    case 0:
    case 1:
        if (*client < 0)
            *client = rig_client(rig);
        speak(script, *client, what / 64);
        break;
    case 2:
    case 3:
        speak(script, *backend, what / 64);
        break;
    case 4:
        end(client, what / 64);
        break;
    case 5:
        end(backend, what / 64);
        break;
    case 6:
        if (*client >= 0)
            (void)rig_receive(rig, *client);
        if (*backend >= 0)
            (void)rig_receive(rig, *backend);
        break;
    default:
        rig_wait(rig, (uint64_t)next(script) * 4000);
        break;
    }
    accept_backends(rig, peers);
}

static void empty(void *owner)
{
    (void)owner;
}

static void run(struct script *script)
{
    static struct rig rig;
    struct peers peers = {.backend_count = 0};
    unsigned first = next(script);

    rig_start(
        &rig, options[first % (sizeof(options) / sizeof(options[0]))], 1 + first / 8 % 2);
    if (first / 16 % 4 == 0)
        rig_refuse(&rig, 0);
    for (int i = 0; i < PEERS; i++)
        peers.clients[i] = peers.backends[i] = -1;
    while (script->at < script->end)
        step(&rig, &peers, script);
    if (first / 64 % 2 == 0)
        clients_drain(rig.clients, empty, NULL);
    for (int i = 0; i < PEERS; i++) {
        if (peers.clients[i] >= 0)
            close(peers.clients[i]);
        if (peers.backends[i] >= 0)
            close(peers.backends[i]);
    }
    rig_iterate(&rig);
    rig_stop(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + (size < 4096 ? size : 4096)};

    log_open(-1, LOG_KIND_FILE, LOG_LEVEL_ERROR, "fuzz");
    run(&script);
    return 0;
}
