#include <stdio.h>

#include "certstore/context.h"
#include "proxy/tls/tls_session.h"

/* One for all sessions: it is filled when a line is logged, not kept per connection. */
static struct {
    struct tls_info facts;
    char alert[64];
} latest;

static const char *text_or_nothing(const char *text)
{
    return text != NULL ? text : "";
}

static void explain_failure(const struct tls *tls)
{
    struct tls_info *f = &latest.facts;
    struct tls_hello hello;

    tls_hello_read(&hello, buffer_data(&tls->hello), buffer_len(&tls->hello));
    snprintf(f->offered, sizeof(f->offered), "%s", hello.offered);
    if (tls->dead)
        f->cause_kind = tls_failure_find(tls, &hello, f->cause, sizeof(f->cause));
}

/* Some names in OpenSSL are in another style, and some are missing. */
static const char *alert_name(int alert)
{
    switch (alert) {
    case SSL_AD_UNEXPECTED_MESSAGE:
        return "unexpected message";
    case SSL_AD_MISSING_EXTENSION:
        return "missing extension";
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "certificate required";
    default:
        return SSL_alert_desc_string_long(alert);
    }
}

static const char *alert_text(const struct tls *tls)
{
    int alert = tls->alert_received >= 0 ? tls->alert_received : tls->alert_sent;

    if (alert <= 0) /* none, or close_notify */
        return "";
    snprintf(latest.alert, sizeof(latest.alert), "%s", alert_name(alert));
    return latest.alert;
}

static void describe_outcome(const struct tls_negotiated *outcome)
{
    struct tls_info *f = &latest.facts;

    f->version = outcome->version;
    f->cipher = outcome->cipher;
    f->group = outcome->group;
    f->resumed = outcome->resumed;
    f->sni = text_or_nothing(outcome->sni);
    f->alpn = text_or_nothing(outcome->alpn);
    f->peer_subject = text_or_nothing(outcome->peer_subject);
    f->peer_cn = text_or_nothing(outcome->peer_cn);
    f->peer_sha256 = text_or_nothing(outcome->peer_sha256);
    f->service = context_owner(outcome->context);
}

/* Describes a handshake under way, or one that failed. */
static void describe_handshake(const struct tls *tls)
{
    struct tls_info *f = &latest.facts;

    f->service = context_owner(tls->context);
    if (tls->engine != NULL) {
        f->sni = text_or_nothing(tls->engine->host_name(tls));
        f->service = context_owner(tls->engine->context(tls));
    }
    explain_failure(tls);
}

const struct tls_info *tls_info(struct tls *tls)
{
    struct tls_info *f = &latest.facts;

    *f = (struct tls_info){.version = "",
        .cipher = "",
        .group = "",
        .sni = "",
        .alpn = "",
        .peer_subject = "",
        .peer_cn = "",
        .peer_sha256 = "",
        .engine = tls->engine != NULL ? tls_engine_names[tls->engine->id] : "-",
        .handshake_done = tls->open,
        .cause_kind = TLS_FAILURE_OTHER,
        .alert = alert_text(tls)};
    if (tls->open)
        describe_outcome(tls->outcome);
    else
        describe_handshake(tls);
    return f;
}
