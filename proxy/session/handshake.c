#include "proxy/session/handshake.h"

#include "proxy/net/tls.h"
#include "proxy/session/admission.h"
#include "proxy/session/client_state.h"
#include "proxy/session/ending.h"
#include "proxy/session/own_reply.h"

void handshake_leave(struct client *c)
{
    if (list_empty(&c->handshaking))
        return;
    list_remove(&c->handshaking);
    source_handshake_over(c->source);
    c->front->counters.handshakes_in_progress--;
}

static bool hello_was_seen(struct client *c)
{
    const struct tls_facts *tls = stream_tls_facts(&c->stream);

    return tls != NULL && tls->offered[0] != '\0';
}

static enum tls_cause_kind cause_kind(struct client *c)
{
    const struct tls_facts *tls = stream_tls_facts(&c->stream);

    return tls != NULL ? tls->cause_kind : TLS_CAUSE_OTHER;
}

/* Where TLS itself did not end it, its state explains nothing. */
static enum tls_cause_kind failure_kind(struct client *c, enum end_reason reason)
{
    switch (reason) {
    case END_CLIENT_GONE:
    case END_CLIENT_RESET:
        return TLS_CAUSE_GONE;
    case END_HANDSHAKE_TIMEOUT:
        return TLS_CAUSE_TIMEOUT;
    case END_HANDSHAKE_SHED:
        return TLS_CAUSE_SHED;
    case END_PLAIN_HTTP:
        return TLS_CAUSE_PLAIN_HTTP;
    case END_TLS_FLOOD:
        return TLS_CAUSE_FLOOD;
    default:
        return cause_kind(c);
    }
}

static void answer_plain_http(struct client *c)
{
    const struct own_reply *reply = own_reply_for(END_PLAIN_HTTP);

    handshake_leave(c);
    client_refuse(c, END_PLAIN_HTTP, reply->status, reply->text, false);
}

void handshake_failed(struct client *c, enum end_reason reason, const char *detail)
{
    bool hello = hello_was_seen(c);

    if ((reason == END_CLIENT_GONE || reason == END_CLIENT_RESET) && !hello) {
        client_close(c, END_PROBE); /* a port scan, a health check */
        return;
    }
    c->front->counters.handshakes_failed++;
    c->front->counters.tls.failures[failure_kind(c, reason)]++;
    c->detail = detail;
    if (hello)
        source_let_us_down(c->source, loop_now(c->front->loop));
    if (reason == END_PLAIN_HTTP)
        answer_plain_http(c);
    else
        client_close(c, reason);
    c->detail = NULL;
}

void handshake_done(struct client *c)
{
    const struct tls *tls = c->stream.tls;

    handshake_leave(c);
    if (tls == NULL)
        return;
    tls_tally_count(&c->front->counters.tls, tls);
    if (tls_is_resumed(tls))
        c->front->counters.handshakes_resumed++;
    else
        c->front->counters.handshakes_full++;
    source_kept_its_word(c->source, tls_is_resumed(tls), loop_now(c->front->loop));
    if (tls_service(tls) != NULL)
        c->service = tls_service(tls);
}

void handshake_shed(struct client *c)
{
    c->front->counters.handshakes_shed++;
    handshake_failed(c, END_HANDSHAKE_SHED, "made room for others");
}
