#include "proxy/session/backend_health.h"

#include <string.h>

#include "proxy/base/log.h"
#include "proxy/session/backend.h"
#include "proxy/session/balancer.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"

enum { QUOTED_MAX = 320 };

static bool is_only_one(const struct backend *b)
{
    return balancer_count(b->service->balancer) < 2;
}

static void log_up(const struct backend *b)
{
    if (!is_only_one(b))
        log_info("event=backend_marked_up service=%s backend=%s",
            b->service->settings->name, b->address->endpoint.text);
}

static void log_down(const struct backend *b, const char *detail)
{
    const struct service_settings *settings = b->service->settings;
    char said[QUOTED_MAX];

    if (!is_only_one(b))
        log_warning("event=backend_marked_down service=%s backend=%s retry_ms=%llu "
                    "detail=%s",
            settings->name, b->address->endpoint.text,
            (unsigned long long)settings->backend_retry_after,
            log_quote(said, sizeof(said), detail, strlen(detail)));
}

void backend_failed(struct backend *b, enum backend_fault fault, const char *detail)
{
    b->trial = false;
    if (balancer_failed(b->address, fault, detail,
            b->service->settings->backend_retry_after, loop_now(b->clients->loop)))
        log_down(b, detail);
}

void backend_has_connected(struct backend *b)
{
    if (balancer_connected(b->address, loop_now(b->clients->loop)))
        log_up(b);
}

void backend_await_reply(struct backend *b, bool awaited)
{
    b->awaits_reply = awaited;
}

void backend_has_replied(struct backend *b)
{
    if (!b->replied && balancer_replied(b->address, loop_now(b->clients->loop)))
        log_up(b);
    b->replied = true;
    b->trial = false;
}

void backend_is_silent(struct backend *b)
{
    if (b->awaits_reply && !b->replied)
        backend_failed(b, FAULT_NO_REPLY, "no reply within response_timeout");
}

/* A connection that was idle may have been closed for its age, or have something to say
 * behind its last reply. */
void backend_is_nonsense(struct backend *b)
{
    if (!b->replied && !b->reused)
        backend_failed(b, FAULT_NO_REPLY, "what it says is no reply");
}

void backend_has_ended(struct backend *b)
{
    if (b->awaits_reply && !b->replied && !b->reused)
        backend_failed(b, FAULT_NO_REPLY, "closed without a reply");
}
