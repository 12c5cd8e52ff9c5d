/*
 * tally.h - the result of a load, as its connections add to it.
 */
#ifndef WLBPROXY_BENCH_LOAD_TALLY_H
#define WLBPROXY_BENCH_LOAD_TALLY_H

#include "bench/load/load.h"

/* The first error is kept, with OpenSSL's reason where it has one. */
void tally_error(struct load_result *result, const char *during, const char *what);

void tally_handshake(struct load_result *result, SSL *ssl);
/* `at` is the handshake's end, in seconds. */
void tally_certificate(struct load_result *result, SSL *ssl, double at);

#endif
