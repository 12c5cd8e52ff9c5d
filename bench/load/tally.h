/*
 * tally.h - adds the operations of connections to the result of a load.
 */
#ifndef WLBPROXY_BENCH_LOAD_TALLY_H
#define WLBPROXY_BENCH_LOAD_TALLY_H

#include "bench/load/load.h"

/* Keeps the first error, with OpenSSL's reason if there is one. */
void tally_error(struct load_result *result, const char *during, const char *what);

void tally_handshake(struct load_result *result, SSL *ssl);
/* `at` is the handshake's end, in seconds. */
void tally_certificate(struct load_result *result, SSL *ssl, double at);

#endif
