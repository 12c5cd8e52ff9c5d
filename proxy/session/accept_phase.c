#include "proxy/session/accept_phase.h"

#include "proxy/session/access_rules.h"
#include "proxy/session/admission.h"
#include "proxy/session/client.h"
#include "proxy/session/ending.h"
#include "proxy/session/error_status.h"
#include "proxy/tls/tls.h"

static bool hello_was_seen(struct client *c)
{
    const struct tls_info *tls = stream_tls_info(&c->stream);

    return tls != NULL && tls->offered[0] != '\0';
}

static enum tls_failure_kind cause_kind(struct client *c)
{
    const struct tls_info *tls = stream_tls_info(&c->stream);

    return tls != NULL ? tls->cause_kind : TLS_FAILURE_OTHER;
}

/* Where TLS itself did not end the handshake, its state explains nothing. */
static enum tls_failure_kind failure_kind(struct client *c, enum end_reason reason)
{
    switch (reason) {
    case END_CLIENT_GONE:
    case END_CLIENT_RESET:
        return TLS_FAILURE_GONE;
    case END_HANDSHAKE_TIMEOUT:
        return TLS_FAILURE_TIMEOUT;
    case END_HANDSHAKE_SHED:
        return TLS_FAILURE_SHED;
    case END_PLAIN_HTTP:
        return TLS_FAILURE_PLAIN_HTTP;
    case END_TLS_FLOOD:
        return TLS_FAILURE_FLOOD;
    default:
        return cause_kind(c);
    }
}

static void answer_plain_http(struct client *c)
{
    const struct error_status *reply = error_status_of(END_PLAIN_HTTP);

    client_leave_handshakes(c);
    client_refuse(c, END_PLAIN_HTTP, reply->status, reply->text, NULL, false);
}

void handshake_failed(struct client *c, enum end_reason reason, const char *detail)
{
    bool hello = hello_was_seen(c);

    if ((reason == END_CLIENT_GONE || reason == END_CLIENT_RESET) && !hello) {
        client_close(c, END_PROBE); /* a port scan, a health check */
        return;
    }
    c->clients->counters.handshakes_failed++;
    c->clients->counters.tls.failures[failure_kind(c, reason)]++;
    c->detail = detail;
    if (hello)
        source_handshake_failed(c->source, loop_now(c->clients->loop));
    if (reason == END_PLAIN_HTTP)
        answer_plain_http(c);
    else
        client_close(c, reason);
    c->detail = NULL;
}

void handshake_done(struct client *c)
{
    const struct tls *tls = c->stream.tls;

    client_leave_handshakes(c);
    if (tls == NULL)
        return;
    tls_counts_count(&c->clients->counters.tls, tls);
    latency_add(&c->clients->counters.latency.handshake,
        loop_now(c->clients->loop) - c->accepted);
    if (tls_is_resumed(tls))
        c->clients->counters.handshakes_resumed++;
    else
        c->clients->counters.handshakes_full++;
    source_handshake_completed(
        c->source, tls_is_resumed(tls), loop_now(c->clients->loop));
    if (tls_service(tls) != NULL)
        c->service = tls_service(tls);
    if (!c->generation->has_names || access_rules_admit(c->service->rules, &c->address))
        return;
    c->detail = denied_log_add(&c->clients->denied, c->service->settings->name,
        c->service->rules, &c->address, loop_now(c->clients->loop));
    client_close(c, END_DENIED);
    c->detail = NULL;
}

void handshake_shed(struct client *c)
{
    c->clients->counters.handshakes_shed++;
    handshake_failed(c, END_HANDSHAKE_SHED, "made room for others");
}
