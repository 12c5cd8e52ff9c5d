/*
 * handshake_version.h - the functions that TLS 1.2 and 1.3 each implement, and those that
 * both use. Used by handshake12.c, handshake13.c and handshake.c.
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE_VERSION_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE_VERSION_H

#include "proxy/crypto/operation.h"
#include "proxy/tls/native/handshake.h"

/* The facts found before a version is begun; borrowed for the call. */
struct handshake_start {
    const struct hello *hello;
    SSL_CTX *context;
    const struct policy *policy; /* of the context chosen by name */
    const struct policy *shown; /* the same, or its successor's: it has the
                                 * certificates */
    const char *protocol; /* ALPN's choice, or NULL */
    struct handshake_output *output;
};

/* Each embeds struct handshake as its first member. `begin` returns NULL to leave the
 * client to OpenSSL; `free` releases the version's own part, and the memory. */
struct handshake_version {
    enum machine_state first;
    struct handshake *(*begin)(const struct handshake_start *start);
    void (*go_on)(struct handshake *handshake);
    void (*message)(
        struct handshake *handshake, const unsigned char *message, size_t len, bool ends);
    void (*change_cipher_spec)(struct handshake *handshake); /* called where the state
                                                              * machine takes it */
    void (*free)(struct handshake *handshake);
};

extern const struct handshake_version handshake_12, handshake_13;

/* Fills the common part: references the context, copies the name, sets AWAITS_KEYS. */
void handshake_init(struct handshake *handshake, const struct handshake_version *version,
    const struct handshake_start *start);

/* Submits an operation of a handshake; it may be done when this returns. */
void handshake_submit(struct handshake *handshake, struct operation *operation);

/* Moves to the state that an accepted input leads to. */
void handshake_step(struct handshake *handshake, enum machine_input input);

/* Returns false, for `return handshake_fail(...)`. */
bool handshake_fail(struct handshake *handshake, int alert, int reason);

/* Seconds since 1970. */
uint64_t handshake_now(void);
/* Begins a new session, of the service whose certificates are shown. */
struct session_bond;
void handshake_bind_session(const struct handshake *handshake, struct session_bond *bond);

#endif
