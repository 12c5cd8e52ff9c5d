/*
 * signing_remote.h - a worker's signatures that the signer makes: the operations that
 * wait, the requests sent, the answers received. No I/O: the owner takes requests from
 * here and hands answers in.
 *
 * A request stays until it is answered, withdrawn, or asked again: a new signer gets all
 * requests that the one before has not answered.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_REMOTE_H
#define WLBPROXY_CRYPTO_SIGNING_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct operation;
struct signing_writer;

enum { SIGNING_REMOTE_MAX = 1024 /* with the signer at a time; others wait here */ };

/* Called by operation.c: it becomes the last of those that wait, or of the urgent
 * ones. */
void signing_remote_submit(struct operation *operation);
void signing_remote_withdraw(struct operation *operation);

/* Puts as many requests into `w` as there are and fit; they count as sent. */
void signing_remote_take(struct signing_writer *w);
/* The datagram was not sent: its requests wait again. */
void signing_remote_not_sent(const struct signing_writer *w);
/* The signer has gone: all requests that it has not answered wait again. */
void signing_remote_ask_again(void);
bool signing_remote_has_unsent(void);
/* Counts those of RSA and P-384 among them, whose batches take long; not beyond LANES. */
size_t signing_remote_unsent_costly(void);
/* Returns how many are not answered, sent or not. */
size_t signing_remote_pending(bool urgent_only);

/* Reads a datagram from the signer and tells the waiting operations. False if it is
 * invalid. */
bool signing_remote_answered(const void *bytes, size_t len);
/* Returns whether any was answered since the last call. */
bool signing_remote_came(void);

#endif
