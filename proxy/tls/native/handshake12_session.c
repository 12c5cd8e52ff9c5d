#include "proxy/tls/native/handshake12_session.h"

#include "proxy/tls/native/keys12.h"

enum ticket_verdict handshake12_find_session(
    const struct handshake_start *start, struct ticket *session)
{
    const struct policy *policy = start->policy;
    const struct bytes *ticket = &start->hello->ticket;
    const struct bytes name = start->hello->host_name;
    enum ticket_verdict verdict = TICKET_UNKNOWN;
    uint64_t now = handshake_now();
    unsigned char host[SESSION_HOST];

    if (ticket->at != NULL && policy->agreed->tickets != NULL)
        verdict =
            ticket_open(policy->agreed->tickets, now, ticket->at, ticket->len, session);
    if (verdict == TICKET_UNKNOWN)
        return TICKET_UNKNOWN;
    if (session->version == VERSION_12 && session->secret_len == MASTER_12 &&
        session_host(host, name.at, name.len) &&
        session_may_go_on(&session->bond, start->shown->agreed, host, now))
        return verdict;
    ticket_wipe(session);
    return TICKET_UNKNOWN;
}

const struct key_exchange_group *handshake12_session_group(const struct ticket *session)
{
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (key_exchange_groups[i].tls_id == session->group)
            return &key_exchange_groups[i];
    }
    return NULL;
}
