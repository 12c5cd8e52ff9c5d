/*
 * machine.h - the state machine of a server's handshake, TLS 1.2 and 1.3, as one table of
 * state, input and next state. An input that the table does not have is refused with the
 * alert unexpected_message (RFC 8446, 6.2; RFC 5246, 7.2.2).
 *
 * tests/state_machine draws docs/tls-states.md from these lines.
 */
#ifndef WLBPROXY_TLS_NATIVE_MACHINE_H
#define WLBPROXY_TLS_NATIVE_MACHINE_H

#include <stddef.h>

/* name, and what is awaited: key operations (nothing is read meanwhile), the client,
 * nothing. */
#define MACHINE_STATES(X)                                                                \
    X(TLS12_AWAIT_SIGNATURE, AWAITS_KEYS)                                                \
    X(TLS12_AWAIT_KEY_EXCHANGE, AWAITS_CLIENT)                                           \
    X(TLS12_AWAIT_SECRET, AWAITS_KEYS)                                                   \
    X(TLS12_AWAIT_CHANGE_CIPHER_SPEC, AWAITS_CLIENT)                                     \
    X(TLS12_AWAIT_FINISHED, AWAITS_CLIENT)                                               \
    X(TLS12_OPEN, IS_OPEN)                                                               \
    X(TLS13_AWAIT_KEYS, AWAITS_KEYS)                                                     \
    X(TLS13_AWAIT_FINISHED, AWAITS_CLIENT)                                               \
    X(TLS13_OPEN, IS_OPEN)

/* Our own events; messages of a handshake; records of another type. */
#define MACHINE_INPUTS(X)                                                                \
    X(KEYS_READY)                                                                        \
    X(SESSION_RESUMED)                                                                   \
    X(CLIENT_HELLO)                                                                      \
    X(CLIENT_KEY_EXCHANGE)                                                               \
    X(FINISHED)                                                                          \
    X(KEY_UPDATE)                                                                        \
    X(OTHER_MESSAGE)                                                                     \
    X(CHANGE_CIPHER_SPEC)                                                                \
    X(ALERT)                                                                             \
    X(APPLICATION_DATA)                                                                  \
    X(OTHER_RECORD)

/* state, input, action, next state. TAKE: it is handled. IGNORE: it has no effect (RFC
 * 8446, D.4). DECLINE: it is answered by the warning no_renegotiation. */
#define MACHINE_CELLS(X)                                                                 \
    X(TLS12_AWAIT_SIGNATURE, KEYS_READY, TAKE, TLS12_AWAIT_KEY_EXCHANGE)                 \
    X(TLS12_AWAIT_SIGNATURE, SESSION_RESUMED, TAKE, TLS12_AWAIT_CHANGE_CIPHER_SPEC)      \
    X(TLS12_AWAIT_KEY_EXCHANGE, CLIENT_KEY_EXCHANGE, TAKE, TLS12_AWAIT_SECRET)           \
    X(TLS12_AWAIT_KEY_EXCHANGE, ALERT, TAKE, TLS12_AWAIT_KEY_EXCHANGE)                   \
    X(TLS12_AWAIT_SECRET, KEYS_READY, TAKE, TLS12_AWAIT_CHANGE_CIPHER_SPEC)              \
    X(TLS12_AWAIT_CHANGE_CIPHER_SPEC, CHANGE_CIPHER_SPEC, TAKE, TLS12_AWAIT_FINISHED)    \
    X(TLS12_AWAIT_CHANGE_CIPHER_SPEC, ALERT, TAKE, TLS12_AWAIT_CHANGE_CIPHER_SPEC)       \
    X(TLS12_AWAIT_FINISHED, FINISHED, TAKE, TLS12_OPEN)                                  \
    X(TLS12_AWAIT_FINISHED, ALERT, TAKE, TLS12_AWAIT_FINISHED)                           \
    X(TLS12_OPEN, CLIENT_HELLO, DECLINE, TLS12_OPEN)                                     \
    X(TLS12_OPEN, ALERT, TAKE, TLS12_OPEN)                                               \
    X(TLS12_OPEN, APPLICATION_DATA, TAKE, TLS12_OPEN)                                    \
    X(TLS13_AWAIT_KEYS, KEYS_READY, TAKE, TLS13_AWAIT_FINISHED)                          \
    X(TLS13_AWAIT_FINISHED, FINISHED, TAKE, TLS13_OPEN)                                  \
    X(TLS13_AWAIT_FINISHED, CHANGE_CIPHER_SPEC, IGNORE, TLS13_AWAIT_FINISHED)            \
    X(TLS13_AWAIT_FINISHED, ALERT, TAKE, TLS13_AWAIT_FINISHED)                           \
    X(TLS13_OPEN, KEY_UPDATE, TAKE, TLS13_OPEN)                                          \
    X(TLS13_OPEN, ALERT, TAKE, TLS13_OPEN)                                               \
    X(TLS13_OPEN, APPLICATION_DATA, TAKE, TLS13_OPEN)

enum machine_state {
#define X(name, awaits) MACHINE_##name,
    MACHINE_STATES(X)
#undef X
        MACHINE_STATES_COUNT
};

enum machine_input {
#define X(name) MACHINE_##name,
    MACHINE_INPUTS(X)
#undef X
        MACHINE_INPUTS_COUNT
};

enum machine_action { MACHINE_REFUSE, MACHINE_TAKE, MACHINE_IGNORE, MACHINE_DECLINE };
enum machine_awaits { MACHINE_AWAITS_KEYS, MACHINE_AWAITS_CLIENT, MACHINE_IS_OPEN };

enum machine_action machine_action(enum machine_state state, enum machine_input input);
/* The next state after an input that is not refused. */
enum machine_state machine_next(enum machine_state state, enum machine_input input);
enum machine_awaits machine_awaits(enum machine_state state);

/* Maps the type in the header (RFC 8446, 4 and 5.1). */
enum machine_input machine_message(unsigned char type);
enum machine_input machine_record(int type); /* a record that is not a handshake
                                              * message */

#endif
