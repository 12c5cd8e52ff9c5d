#include "proxy/tls/native/handshake_version.h"

#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

#include "certstore/session.h"
#include "proxy/base/memory.h"

void handshake_init(struct handshake *handshake, const struct handshake_version *version,
    const struct handshake_start *start)
{
    const struct bytes name = start->hello->host_name;

    handshake->version = version;
    handshake->output = start->output;
    handshake->machine = version->first;
    handshake->state = HANDSHAKE_AWAITS_KEYS;
    handshake->context = start->context;
    handshake->shown = context_shown(start->context);
    (void)SSL_CTX_up_ref(handshake->context);
    (void)SSL_CTX_up_ref(handshake->shown);
    handshake->policy = start->policy;
    handshake->protocol = start->protocol;
    if (name.at == NULL)
        return;
    handshake->host_name = memory_text_part((const char *)name.at, name.len);
}

uint64_t handshake_now(void)
{
    return (uint64_t)time(NULL);
}

void handshake_bind_session(const struct handshake *handshake, struct session_bond *bond)
{
    const char *name = handshake->host_name;

    *bond = (struct session_bond){.began = handshake_now()};
    memcpy(bond->binding, context_policy(handshake->shown)->binding, SESSION_BINDING);
    (void)session_host(bond->host, name, name != NULL ? strlen(name) : 0);
}

static void on_done(struct operation *operation)
{
    struct handshake *handshake = operation->owner;

    handshake->waits_for--;
    if (handshake->waits_for == 0)
        handshake->output->told(handshake->output);
}

void handshake_submit(struct handshake *handshake, struct operation *operation)
{
    operation->owner = handshake;
    operation->told = on_done;
    operation_submit(operation, handshake->output->urgent);
    handshake->waits_for += !operation->done;
}

void handshake_step(struct handshake *handshake, enum machine_input input)
{
    static const enum handshake_state states[] = {
        [MACHINE_AWAITS_KEYS] = HANDSHAKE_AWAITS_KEYS,
        [MACHINE_AWAITS_CLIENT] = HANDSHAKE_AWAITS_CLIENT,
        [MACHINE_IS_OPEN] = HANDSHAKE_DONE};

    handshake->machine = machine_next(handshake->machine, input);
    handshake->state = states[machine_awaits(handshake->machine)];
}

bool handshake_fail(struct handshake *handshake, int alert, int reason)
{
    handshake->state = HANDSHAKE_FAILED;
    handshake->alert = alert;
    handshake->reason = reason;
    return false;
}
