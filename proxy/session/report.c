#include "proxy/session/report.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/net/tls.h"
#include "proxy/session/access_log.h"
#include "proxy/session/client_state.h"
#include "proxy/session/exchange.h"

enum { QUOTED_MAX = 320 };

static const char *const state_names[] = {
#define X(name, text) text,
    CLIENT_STATES(X)
#undef X
};

const char *report_peer(const struct client *c, char *text)
{
    char ip[INET6_ADDRSTRLEN];

    client_ip(c, ip);
    snprintf(text, REPORT_PEER_MAX, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip,
        c->port);
    return text;
}

static const char *quote(char *out, const char *text)
{
    return log_quote(out, QUOTED_MAX, text, strlen(text));
}

void report_state(const struct client *c, enum client_state from, enum client_state to)
{
    log_debug(
        "event=state conn=%u from=%s to=%s", c->id, state_names[from], state_names[to]);
}

void report_handshake(struct client *c)
{
    enum end_reason reason = (enum end_reason)c->reason;
    static const struct tls_facts none = {.version = "", .sni = "", .alert = ""};
    const struct tls_facts *tls = stream_tls_facts(&c->stream);
    char peer[REPORT_PEER_MAX], sni[QUOTED_MAX], offered[QUOTED_MAX], cause[QUOTED_MAX],
        alert[QUOTED_MAX], said[QUOTED_MAX];

    if (!log_enabled(end_reason_level(reason)) || !front_may_log(c->front, reason))
        return;
    if (tls == NULL)
        tls = &none;
    log_at(end_reason_level(reason),
        "event=end conn=%u peer=%s service=%s reason=%s state=handshake sni=%s "
        "offered=%s "
        "alert=%s cause=%s detail=%s ms=%llu",
        c->id, report_peer(c, peer), c->service->settings->name, end_reason_text(reason),
        quote(sni, tls->sni), quote(offered, tls->offered), quote(alert, tls->alert),
        quote(cause, tls->cause), quote(said, c->detail != NULL ? c->detail : ""),
        (unsigned long long)(loop_now(c->front->loop) - c->accepted));
}

void report_end(struct client *c)
{
    enum log_level level = end_reason_level(c->reason);
    char peer[REPORT_PEER_MAX];

    if (!log_enabled(level) || !front_may_log(c->front, c->reason))
        return;
    log_at(level,
        "event=end conn=%u peer=%s service=%s reason=%s state=%s requests=%u in=%llu "
        "out=%llu ms=%llu",
        c->id, report_peer(c, peer), c->service->settings->name,
        end_reason_text(c->reason), state_names[c->ended_in], c->requests,
        (unsigned long long)c->stream.bytes_in, (unsigned long long)c->stream.bytes_out,
        (unsigned long long)(loop_now(c->front->loop) - c->accepted));
}

void report_exchange(struct exchange *x, enum end_reason reason)
{
    struct client *c = x->client;
    struct buffer line = {0};
    char peer[REPORT_PEER_MAX];

    if (!access_log_enabled() || x->when.tv_sec == 0)
        return;
    const struct tls_facts *tls = stream_tls_facts(&c->stream);
    struct access_facts facts = {
        .when = x->when,
        .conn = c->id,
        .in = x->received,
        .out = x->sent,
        .ms = loop_now(c->front->loop) - x->began,
        .peer = report_peer(c, peer),
        .service = c->service->settings->name,
        .tls = tls != NULL ? tls->version : "",
        .backend = x->backend_text != NULL ? x->backend_text : "",
        .status = x->status,
        .reason = reason,
    };
    access_format(&line, c->generation->settings->access_log_format, &x->entry, &facts);
    access_log_write(buffer_data(&line), buffer_len(&line));
    buffer_destroy(&line);
}

void report_backend_failure(
    struct exchange *x, enum end_reason reason, const char *detail)
{
    struct client *c = x->client;
    char said[QUOTED_MAX];

    if (!front_may_log(c->front, reason))
        return;
    log_at(end_reason_level(reason),
        "event=backend_failed conn=%u service=%s backend=%s reason=%s answered=%s "
        "detail=%s",
        c->id, c->service->settings->name,
        x->backend_text != NULL ? x->backend_text : "-", end_reason_text(reason),
        x->answering ? "cut" : "refused", quote(said, detail));
}

void report_refusal(
    struct front *front, enum end_reason reason, const struct sockaddr_storage *peer)
{
    struct endpoint endpoint = {.address = *peer};

    if (!front_may_log(front, reason))
        return;
    endpoint_describe(&endpoint);
    log_at(end_reason_level(reason), "event=refused peer=%s reason=%s", endpoint.text,
        end_reason_text(reason));
}

bool report_held(struct front *front)
{
    bool any = false;

    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        uint32_t held = noise_take_held(&front->noise, (enum end_reason)reason);

        if (held > 0)
            log_at(end_reason_level((enum end_reason)reason),
                "event=held_back reason=%s lines=%u seconds=%u",
                end_reason_text((enum end_reason)reason), held, NOISE_SUMMARY / 1000);
        any = any || held > 0;
    }
    return any;
}
