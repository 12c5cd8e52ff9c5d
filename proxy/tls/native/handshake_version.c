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
    operation_submit(operation);
    handshake->waits_for += !operation->done;
}

bool handshake_fail(struct handshake *handshake, int alert, int reason)
{
    handshake->state = HANDSHAKE_FAILED;
    handshake->alert = alert;
    handshake->reason = reason;
    return false;
}
