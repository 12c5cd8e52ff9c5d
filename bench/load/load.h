/*
 * load.h - the options of the load generator, and its result.
 */
#ifndef WLBPROXY_BENCH_LOAD_LOAD_H
#define WLBPROXY_BENCH_LOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "bench/load/histogram.h"

enum { CERTIFICATES_MAX = 8, ERROR_MAX = 160, SERIAL_MAX = 20 };

struct load_options {
    uint16_t port;
    unsigned concurrency;
    unsigned warmup_ms, duration_ms;
    unsigned idle; /* connections to open, use once, and hold; 0 = a load */
    bool keep_alive; /* requests follow each other on a connection */
    bool resume; /* sessions are resumed */
    bool handshake_only; /* no request */
    bool certificates; /* note when each certificate was shown */
    const char *request;
    size_t request_len;
    uint64_t reply_body; /* the expected length; UINT64_MAX = any */
};

/* One certificate that was shown, by its serial. */
struct shown {
    unsigned char serial[SERIAL_MAX];
    size_t serial_len;
    uint64_t count;
    double first, last; /* s, CLOCK_MONOTONIC: the end of a handshake */
};

struct load_result {
    uint64_t operations, errors, resumed, handshakes, bytes;
    double seconds, cpu_seconds; /* since the warm-up; the CPU time is our own */
    char first_error[ERROR_MAX];
    char protocol[16], cipher[64], group[32];
    struct histogram latency;
    struct shown shown[CERTIFICATES_MAX];
    size_t shown_count;
};

/* Runs it to its end, or until stop. `begun` is called when the warm-up is over. `held`
 * is called when all idle connections stand; they end when it returns. */
void load_run(const struct load_options *options, SSL_CTX *context,
    struct load_result *result, void (*begun)(void), void (*held)(void));

#endif
