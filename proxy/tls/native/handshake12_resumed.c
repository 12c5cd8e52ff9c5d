/* Resumed by a ticket: all of the server's part is sent at once. */
#include <string.h>

#include <openssl/ssl.h>

#include "proxy/tls/native/handshake12_parts.h"

/* One of ours that is still valid, and here. */
static enum ticket_verdict find_session(
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

static const struct key_exchange_group *group_of(const struct ticket *session)
{
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (key_exchange_groups[i].tls_id == session->group)
            return &key_exchange_groups[i];
    }
    return NULL;
}

static bool send_hello(struct handshake12 *h, const struct handshake_start *start)
{
    unsigned char message[SERVER_HELLO_12_MAX];
    struct server_hello_12 hello = handshake12_answer(h, start);

    return handshake12_send(h, message, server_hello_12(&hello, message));
}

static void resume(struct handshake12 *h, const struct handshake_start *start)
{
    h->common.resumed = true;
    h->common.group = group_of(&h->session);
    handshake12_make_keys(h);
    if (!send_hello(h, start) || !handshake12_finish(h))
        return;
    handshake12_expect_finished(h);
    h->phase = AWAIT_CHANGE_CIPHER_SPEC;
    h->common.state = HANDSHAKE_AWAITS_CLIENT;
}

/* What a client may not have lost on the way to its second handshake (RFC 7627, 5.3; RFC
 * 5246, 7.4.1.2). */
static bool is_consistent(struct handshake12 *h, const struct hello *hello)
{
    if (!hello->extended_master_secret)
        return handshake_fail(
            &h->common, SSL_AD_HANDSHAKE_FAILURE, SSL_R_INCONSISTENT_EXTMS);
    return hello_lists(hello->suites, h->session.suite) ||
        handshake_fail(
            &h->common, SSL_AD_ILLEGAL_PARAMETER, SSL_R_REQUIRED_CIPHER_MISSING);
}

struct handshake *handshake12_begin_resumed(const struct handshake_start *start)
{
    struct ticket session;
    enum ticket_verdict verdict = find_session(start, &session);
    const struct suite *suite =
        verdict == TICKET_UNKNOWN ? NULL : suite_find(session.suite);

    if (suite == NULL)
        return NULL;
    struct handshake12 *h = handshake12_new(start, suite);
    h->session = session;
    h->gives_ticket = verdict == TICKET_OPENED_BY_OLD_KEY;
    ticket_wipe(&session);
    if (h->common.state != HANDSHAKE_FAILED && is_consistent(h, start->hello))
        resume(h, start);
    return &h->common;
}
