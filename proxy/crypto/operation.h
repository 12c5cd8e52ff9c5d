/*
 * operation.h - private key operations on their way into a batch; who does which of them.
 *
 * Where there are batches, an operation waits in a queue for operations_run(): one that
 * was submitted, and one that is performed within a handshake that may pause (an OpenSSL
 * ASYNC job). Anywhere else it is done at once. It waits for the loop to come round,
 * never for company: a batch runs with whatever there is. What another process signs
 * (signing_remote.h) waits for its answer, batches or none.
 */
#ifndef WLBPROXY_CRYPTO_OPERATION_H
#define WLBPROXY_CRYPTO_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/base/list.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/signing.h"

enum operation_kind {
    OPERATION_P384_DERIVE, /* the groups, in the order of exchange.h */
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
    /* From inside operations_run(), when it is done; NULL: nobody is told. */
    void (*told)(struct operation *operation);
    void *owner; /* whatever told() needs */
    /* The queue's. */
    struct list waiting;
    bool done, urgent;
    int place; /* signing_remote.c's */
};

/* NULL: there are no batches, and nobody waits. */
void operations_start(const struct multibuffer *library);

/* Whether we have anything better for it than OpenSSL. */
bool operation_is_ours(enum operation_kind kind);

/* Returns when it is done, perhaps after a pause: the operation and all it points to live
 * on the paused stack meanwhile. False if it failed. */
bool operation_perform(struct operation *operation);

/* The operation and all it points to stay where they are until it is `done`, which it may
 * be at once: then nobody is told. Or until it is withdrawn. An urgent one is done before
 * those that are not. */
void operation_submit(struct operation *operation, bool urgent);
void operation_withdraw(struct operation *operation);
bool operation_succeeded(const struct operation *operation); /* of one that is done */

size_t operations_waiting(void);
size_t operations_urgent(void); /* of them */
size_t operations_fullest(bool urgent_only); /* most of one kind */
/* Sessions that have paused and not been gone on with; and most at once, ever since the
 * last operations_forget_peak(). */
size_t operations_paused(void);
size_t operations_paused_peak(void);
void operations_forget_peak(void);

/* One full batch; or, where no kind fills one, and now and then anyway, a batch of each
 * kind that derives or of each that signs, in turn. Returns how many still wait. */
size_t operations_run(bool urgent_only);

/* SSL_do_handshake(); what it has performed is urgent, or is not. */
int operations_handshake(SSL *ssl, bool urgent);
/* Ends a handshake that has paused: its operations give up instead of waiting. No-op for
 * any other session. */
void operations_end_handshake(SSL *ssl);

#endif
