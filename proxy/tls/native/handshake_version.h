/*
 * handshake_version.h - what a handshake of TLS 1.2 and one of TLS 1.3 implement, and
 * what both of them are made with. Above are handshake12.c, handshake13.c and
 * handshake.c.
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE_VERSION_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE_VERSION_H

#include "proxy/crypto/operation.h"
#include "proxy/tls/native/handshake.h"

/* What was read and found before a version is begun; borrowed for the call. */
struct handshake_start {
    const struct hello *hello;
    SSL_CTX *context;
    const struct policy *policy; /* of the context chosen by name */
    const struct policy *shown; /* the same, or its successor's: certificates */
    const char *protocol; /* ALPN's choice, or NULL */
    struct handshake_output *output;
};

/* Each embeds struct handshake as its first member. `begin` returns NULL if it is
 * OpenSSL's after all; `free` releases what is the version's own, and the memory. */
struct handshake_version {
    enum machine_state first;
    struct handshake *(*begin)(const struct handshake_start *start);
    void (*go_on)(struct handshake *handshake);
    void (*message)(
        struct handshake *handshake, const unsigned char *message, size_t len, bool ends);
    void (*change_cipher_spec)(struct handshake *handshake); /* where it is taken */
    void (*free)(struct handshake *handshake);
};

extern const struct handshake_version handshake_12, handshake_13;

/* Fills what both have: sets the context's reference, the name, AWAITS_KEYS. */
void handshake_init(struct handshake *handshake, const struct handshake_version *version,
    const struct handshake_start *start);

/* Submits an operation of a handshake; it may be done when this returns. */
void handshake_submit(struct handshake *handshake, struct operation *operation);

/* The state that an input leads to, which was taken. */
void handshake_step(struct handshake *handshake, enum machine_input input);

/* Returns false, for `return handshake_fail(...)`. */
bool handshake_fail(struct handshake *handshake, int alert, int reason);

/* Seconds since 1970. */
uint64_t handshake_now(void);
/* A new session, of the service whose certificates are shown. */
struct session_bond;
void handshake_bind_session(const struct handshake *handshake, struct session_bond *bond);

#endif
