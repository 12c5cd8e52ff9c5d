#include "bench/load/load.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "bench/load/connection.h"

enum { EVENTS_MAX = 256, WARM_UP_MAX = 240 /* s */, HANDSHAKES_AT_ONCE = 64 };

static void iterate(const struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(load->epoll, events, EVENTS_MAX, 10);

    for (int i = 0; i < n; i++)
        connection_on_event(events[i].data.ptr, events[i].events);
}

static void hold(const struct load *load, void (*held)(void))
{
    while (load->active > 0)
        iterate(load);
    held();
}

/* By then as many handshakes as connections are done: a kept-alive request's cost is not
 * to contain a handshake's, and a resumed one needs a session. */
static bool is_warm(const struct load *load)
{
    return connection_clock() >= load->begin &&
        load->result->handshakes >= load->options->concurrency;
}

static double cpu_clock(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void count_from_now_on(struct load *load)
{
    load->result->cpu_seconds = -cpu_clock();
    load->begin = connection_clock();
    load->end = load->begin + load->options->duration_ms / 1e3;
    load->counting = true;
    load->result->handshakes = load->result->resumed = 0;
}

static void go(struct load *load, void (*begun)(void))
{
    while (load->active > 0) {
        iterate(load);
        if (!load->counting && is_warm(load)) {
            count_from_now_on(load);
            begun();
        }
        if (connection_clock() > load->end + 5)
            break; /* operations that still hang are given up */
    }
}

static struct connection *make_connections(struct load *load, size_t count)
{
    struct connection *all = calloc(count, sizeof(*all));

    if (all == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        all[i].load = load;
        all[i].fd = -1;
    }
    return all;
}

void load_run(const struct load_options *options, SSL_CTX *context,
    struct load_result *result, void (*begun)(void), void (*held)(void))
{
    size_t total = options->idle > 0 ? options->idle : options->concurrency;
    size_t at_once = options->concurrency < total ? options->concurrency : total;
    struct load load = {.options = options, .context = context, .result = result};

    if (options->keep_alive && at_once > HANDSHAKES_AT_ONCE)
        at_once = HANDSHAKES_AT_ONCE;
    SSL_CTX_sess_set_new_cb(context, connection_on_session);
    load.connections = make_connections(&load, total);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.begin = connection_clock() + options->warmup_ms / 1e3;
    load.end = load.begin + WARM_UP_MAX;
    load.active = (unsigned)at_once;
    for (size_t i = 0; i < at_once; i++)
        connection_start(&load.connections[i]);
    if (options->idle > 0)
        hold(&load, held);
    else
        go(&load, begun);
    result->seconds = connection_clock() - load.begin;
    result->cpu_seconds += cpu_clock();
    for (size_t i = 0; i < total; i++)
        connection_end(&load.connections[i]);
    free(load.connections);
    close(load.epoll);
}
