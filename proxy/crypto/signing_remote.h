/*
 * signing_remote.h - a worker's signatures that the signer makes: who waits for one, what
 * has been asked for, what came. No I/O: what is to be sent is taken from here, what came
 * is handed in.
 *
 * A request stays until it is answered, withdrawn, or asked again: a signer that is
 * replaced gets all that the one before had not answered.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_REMOTE_H
#define WLBPROXY_CRYPTO_SIGNING_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct operation;
struct signing_writer;

enum { SIGNING_REMOTE_MAX = 1024 /* asked for at a time; others wait here */ };

/* operation.c's: to the end of those that wait, or of the urgent ones. */
void signing_remote_submit(struct operation *operation);
void signing_remote_withdraw(struct operation *operation);

/* Puts as many requests into `w` as there are and fit; they count as sent. */
void signing_remote_take(struct signing_writer *w);
/* It did not leave: its requests wait again. */
void signing_remote_not_sent(const struct signing_writer *w);
/* The signer that had them is gone: all that it has not answered wait again. */
void signing_remote_ask_again(void);
bool signing_remote_has_unsent(void);
/* Sent and not answered; waiting here included. */
size_t signing_remote_pending(bool urgent_only);

/* A datagram of the signer's: those who wait are told. False if it is not one. */
bool signing_remote_answered(const void *bytes, size_t len);
/* Whether any was answered since this was asked last. */
bool signing_remote_came(void);

#endif
