#include "proxy/tls/native/machine.h"

#include <assert.h>

#include <openssl/ssl.h>

struct cell {
    enum machine_action action;
    enum machine_state next;
};

static const struct cell cells[MACHINE_STATES_COUNT][MACHINE_INPUTS_COUNT] = {
#define X(state, input, action, next)                                                    \
    [MACHINE_##state][MACHINE_##input] = {MACHINE_##action, MACHINE_##next},
    MACHINE_CELLS(X)
#undef X
};

enum machine_action machine_action(enum machine_state state, enum machine_input input)
{
    return cells[state][input].action;
}

enum machine_state machine_next(enum machine_state state, enum machine_input input)
{
    assert(cells[state][input].action != MACHINE_REFUSE);
    return cells[state][input].next;
}

enum machine_awaits machine_awaits(enum machine_state state)
{
    static const enum machine_awaits awaits[MACHINE_STATES_COUNT] = {
#define X(name, what) [MACHINE_##name] = MACHINE_##what,
        MACHINE_STATES(X)
#undef X
    };

    return awaits[state];
}

enum machine_input machine_message(unsigned char type)
{
    switch (type) {
    case SSL3_MT_CLIENT_HELLO:
        return MACHINE_CLIENT_HELLO;
    case SSL3_MT_CLIENT_KEY_EXCHANGE:
        return MACHINE_CLIENT_KEY_EXCHANGE;
    case SSL3_MT_FINISHED:
        return MACHINE_FINISHED;
    case SSL3_MT_KEY_UPDATE:
        return MACHINE_KEY_UPDATE;
    default:
        return MACHINE_OTHER_MESSAGE;
    }
}

enum machine_input machine_record(int type)
{
    switch (type) {
    case SSL3_RT_CHANGE_CIPHER_SPEC:
        return MACHINE_CHANGE_CIPHER_SPEC;
    case SSL3_RT_ALERT:
        return MACHINE_ALERT;
    case SSL3_RT_APPLICATION_DATA:
        return MACHINE_APPLICATION_DATA;
    default:
        return MACHINE_OTHER_RECORD;
    }
}
