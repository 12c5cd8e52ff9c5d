#include "proxy/session/client_log.h"

#include <stdio.h>
#include <string.h>

#include "config/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/session/client.h"
#include "proxy/tls/tls.h"

enum { QUOTED_MAX = 320 };

/* Returns whether one more line may be written for this reason, or too many came
 * lately. */
static bool may_log(struct clients *clients, enum end_reason reason)
{
    if (log_rate_limit_allow(&clients->log_limit, reason, loop_now(clients->loop)))
        return true;
    if (!deadline_is_armed(&clients->suppressed_due))
        loop_arm(clients->loop, &clients->suppressed_due, LOG_LIMIT_SUMMARY);
    return false;
}

static const char *quote(char *out, const char *text)
{
    return log_quote(out, QUOTED_MAX, text, strlen(text));
}

void client_log_handshake(struct client *c)
{
    enum end_reason reason = (enum end_reason)c->reason;
    static const struct tls_info none = {
        .engine = "-", .version = "", .sni = "", .alert = ""};
    const struct tls_info *tls = stream_tls_info(&c->stream);
    char peer[CLIENT_PEER_MAX], sni[QUOTED_MAX], offered[QUOTED_MAX], cause[QUOTED_MAX],
        alert[QUOTED_MAX], said[QUOTED_MAX];

    if (!log_enabled(end_reason_level(reason)))
        return;
    if (reason == END_DENIED &&
        !denied_log_may(&c->clients->denied, &c->address, loop_now(c->clients->loop)))
        return;
    if (!may_log(c->clients, reason))
        return;
    if (tls == NULL)
        tls = &none;
    log_at(end_reason_level(reason),
        "event=end conn=%u peer=%s service=%s reason=%s state=handshake engine=%s "
        "sni=%s offered=%s alert=%s cause=%s detail=%s ms=%llu",
        c->id, client_peer(c, peer), c->service->settings->name, end_reason_text(reason),
        tls->engine, quote(sni, tls->sni), quote(offered, tls->offered),
        quote(alert, tls->alert), quote(cause, tls->cause),
        quote(said, c->detail != NULL ? c->detail : ""),
        (unsigned long long)(loop_now(c->clients->loop) - c->accepted));
}

void client_log_end(struct client *c)
{
    enum log_level level = end_reason_level(c->reason);
    char peer[CLIENT_PEER_MAX], said[QUOTED_MAX];
    const struct tls_info *tls = stream_tls_info(&c->stream);

    if (!log_enabled(level) || !may_log(c->clients, c->reason))
        return;
    log_at(level,
        "event=end conn=%u peer=%s service=%s reason=%s state=%s engine=%s requests=%u "
        "in=%llu out=%llu ms=%llu%s%s",
        c->id, client_peer(c, peer), c->service->settings->name,
        end_reason_text(c->reason), client_state_text((enum client_state)c->ended_in),
        tls != NULL ? tls->engine : "-", c->requests,
        (unsigned long long)c->stream.bytes_in, (unsigned long long)c->stream.bytes_out,
        (unsigned long long)(loop_now(c->clients->loop) - c->accepted),
        c->detail != NULL ? " detail=" : "",
        c->detail != NULL ? quote(said, c->detail) : "");
}

void client_log_backend_failure(struct client *c, const char *backend,
    enum end_reason reason, const char *answered, const char *detail)
{
    char said[QUOTED_MAX];

    if (!may_log(c->clients, reason))
        return;
    log_at(end_reason_level(reason),
        "event=backend_failed conn=%u service=%s backend=%s reason=%s answered=%s "
        "detail=%s",
        c->id, c->service->settings->name, backend != NULL ? backend : "-",
        end_reason_text(reason), answered, quote(said, detail));
}

void client_log_surplus(struct clients *clients, const struct service *service,
    const char *backend, size_t bytes)
{
    if (!may_log(clients, END_BACKEND_NONSENSE))
        return;
    log_warning("event=surplus_discarded service=%s backend=%s bytes=%zu detail=\"bytes "
                "behind the end of a reply; its connection is not used again\"",
        service->settings->name, backend != NULL ? backend : "-", bytes);
}

void client_log_refusal(struct clients *clients, enum end_reason reason,
    const struct sockaddr_storage *peer, const char *detail)
{
    struct endpoint endpoint = {.address = *peer};

    if (!may_log(clients, reason))
        return;
    endpoint_describe(&endpoint);
    log_at(end_reason_level(reason), "event=refused peer=%s reason=%s%s%s%s",
        endpoint.text, end_reason_text(reason), detail != NULL ? " detail=\"" : "",
        detail != NULL ? detail : "", detail != NULL ? "\"" : "");
}

void client_log_suppressed(struct clients *clients)
{
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        uint32_t lines =
            log_rate_limit_take_suppressed(&clients->log_limit, (enum end_reason)reason);

        if (lines > 0)
            log_at(end_reason_level((enum end_reason)reason),
                "event=log_suppressed reason=%s lines=%u seconds=%u",
                end_reason_text((enum end_reason)reason), lines,
                LOG_LIMIT_SUMMARY / 1000);
    }
}

void client_log_on_suppressed_due(struct deadline *due)
{
    client_log_suppressed(container_of(due, struct clients, suppressed_due));
}

void client_log_denied(struct clients *clients, const char *service,
    const struct sockaddr_storage *peer, const char *rule)
{
    struct endpoint endpoint = {.address = *peer};

    if (!may_log(clients, END_DENIED))
        return;
    endpoint_describe(&endpoint);
    log_at(end_reason_level(END_DENIED),
        "event=refused peer=%s service=%s reason=%s rule=\"%s\"", endpoint.text, service,
        end_reason_text(END_DENIED), rule);
}
