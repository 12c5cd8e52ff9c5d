/*
 * operation.h - private key operations, queued for batches, and the implementation of
 * each.
 *
 * With batches, an operation waits in a queue for operations_run(): one that was
 * submitted, and one that is performed within a handshake that may pause (an OpenSSL
 * ASYNC job). Any other is done at once. An operation waits for the next iteration of the
 * loop, never for more operations: a batch runs with as many as there are. A signature of
 * another process (signing_remote.h) waits for its answer, with batches or without.
 */
#ifndef WLBPROXY_CRYPTO_OPERATION_H
#define WLBPROXY_CRYPTO_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/list.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/signing.h"

enum operation_kind {
    OPERATION_P384_DERIVE, /* the groups, in the order of key_exchange.h */
    OPERATION_P256_DERIVE,
    OPERATION_X25519_DERIVE,
    OPERATION_RSA_2048,
    OPERATION_RSA_3072,
    OPERATION_RSA_4096,
    OPERATION_P384_SIGN,
    OPERATION_P256_SIGN,
    OPERATION_KINDS,
    OPERATION_REMOTE_SIGN = OPERATION_KINDS, /* in no queue here: signing_remote.h */
};

struct operation {
    enum operation_kind kind;
    union {
        struct key_exchange_job exchange;
        struct signing_job signing;
    } job;
    /* Called from inside operations_run(), when it is done; NULL: nothing is called. */
    void (*told)(struct operation *operation);
    void *owner; /* for told() */
    /* Used by the queue. */
    struct list waiting;
    bool done, urgent;
    int place; /* signing_remote.c's */
};

/* NULL: there are no batches, and no operation waits. */
void operations_start(const struct multibuffer *library);

/* Returns whether we have anything faster for it than OpenSSL. */
bool operation_is_ours(enum operation_kind kind);

/* Returns when it is done, perhaps after a pause. The operation and all it points to live
 * on the paused stack meanwhile. False if it failed. */
bool operation_perform(struct operation *operation);

/* The operation and all it points to stay in place until it is `done` or withdrawn. It
 * may be done at once: then told() is not called. Urgent operations precede others. */
void operation_submit(struct operation *operation, bool urgent);
void operation_withdraw(struct operation *operation);
bool operation_succeeded(const struct operation *operation); /* only for one that is
                                                              * done */

size_t operations_waiting(void);
size_t operations_urgent(void); /* those among them that are urgent */
size_t operations_fullest(bool urgent_only); /* of the most frequent kind */
size_t operations_costly(void); /* RSA and P-384, whose batches take 150 us to 6 ms */
/* The lanes of all batches that crypto_mb has run, and how many of them had an
 * operation. */
struct batch_lanes {
    uint64_t offered, used;
};
struct batch_lanes operations_lanes(void);
/* The first returns how many sessions have paused and not continued; the second the most
 * at any time since the last operations_forget_peak(). */
size_t operations_paused(void);
size_t operations_paused_peak(void);
void operations_forget_peak(void);

/* Runs one full batch; or, where no kind fills one, and now and then anyway, a batch of
 * each kind that derives or of each that signs, alternately. Returns how many still
 * wait. */
size_t operations_run(bool urgent_only);

/* Calls SSL_do_handshake(). Operations that it performs are urgent if `urgent`. */
int operations_handshake(SSL *ssl, bool urgent);
/* Ends a handshake that has paused: its operations fail instead of waiting. Does nothing
 * for any other session. */
void operations_end_handshake(SSL *ssl);

#endif
