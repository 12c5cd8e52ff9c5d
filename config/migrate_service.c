#include "config/migrate_service.h"

#include <string.h>
#include <strings.h>

#include "config/options.h"
#include "config/wrap.h"

enum { IDLE_DEFAULT = 43200 /* s, of stunnel */ };

const struct stunnel_line *migrate_find(const struct migrate_service *s, const char *name)
{
    return stunnel_find(s->from, s->first, s->end, name);
}

static void write_verify(
    const struct migrate_output *out, const struct migrate_service *s)
{
    const struct migrate_verify *v = &s->verify;

    if (!v->asks)
        return;
    fprintf(out->text, "verify = %s\n", v->required ? "required" : "optional");
    if (v->ca != NULL && v->chain)
        fprintf(out->text, "ca = %s\n", v->ca->value);
    if (v->ca != NULL && v->pinned)
        fprintf(out->text, "verify_pins = %s\n", v->ca->value);
    if (v->crl != NULL)
        fprintf(out->text, "crl = %s\n", v->crl->value);
}

/* A client needs one of the names: each line counts. */
static void write_names(const struct migrate_output *out, const struct migrate_service *s)
{
    const struct stunnel_line *first = s->verify.asks ? s->verify.names : NULL;
    const struct stunnel_line *all = s->from->lines;
    bool own = first != NULL && first >= all + s->first;
    size_t end = own ? s->end : stunnel_scope_end(s->from, 0);

    for (size_t i = own ? s->first : 0; first != NULL && i < end; i++) {
        if (strcasecmp(all[i].name, first->name) == 0)
            fprintf(out->text, "verify_names = %s\n", all[i].value);
    }
}

static void write_tls(const struct migrate_output *out, const struct migrate_service *s)
{
    const struct migrate_tls *tls = &s->tls;

    if (tls->only_old != NULL)
        migrate_lose(out, tls->only_old, "TLS 1.2 and 1.3 are spoken, older ones never");
    if (tls->only_13)
        fputs("tls_min = 1.3\n", out->text);
    else if (tls->no_13 != NULL)
        migrate_lose(out, tls->no_13,
            "TLS 1.3 cannot be switched off; TLS 1.2 is served beside it");
    if (tls->low_level != NULL)
        migrate_lose(out, tls->low_level,
            "OpenSSL's level 2 is the least: weaker keys are refused");
    if (tls->security_level != 0)
        fprintf(out->text, "ciphers = %s:@SECLEVEL=%u\n",
            tls->ciphers != NULL ? tls->ciphers->value
                                 : option_find("ciphers")->default_text,
            tls->security_level);
    else if (tls->ciphers != NULL)
        fprintf(out->text, "ciphers = %s\n", tls->ciphers->value);
    else
        print_wrapped_comment(out->text, "; ",
            "differs: of TLS 1.2 only ECDHE with AES-GCM or ChaCha20 is offered "
            "(ciphers)");
}

static unsigned connects(const struct migrate_service *s)
{
    unsigned count = 0;

    for (size_t i = s->first; i < s->end; i++)
        count += strcasecmp(s->from->lines[i].name, "connect") == 0;
    return count;
}

static void write_duration(
    const struct migrate_output *out, const char *option, const char *seconds)
{
    /* settings_parse() will report a value that is no number. */
    fprintf(out->text, "%s = %s%s\n", option, seconds,
        seconds[strspn(seconds, "0123456789")] == '\0' ? "s" : "");
}

static bool is_zero(const struct stunnel_line *line)
{
    return line->value[strspn(line->value, "0")] == '\0';
}

/* stunnel waits TIMEOUTclose when one side has ended, all its bytes have been passed on
 * and the other side is silent; then it closes. TIMEOUTidle is the same for two open
 * sides. */
static void write_tcp_timeouts(
    const struct migrate_output *out, const struct migrate_service *s)
{
    const struct stunnel_line *idle = migrate_find(s, "TIMEOUTidle");
    const struct stunnel_line *close = migrate_find(s, "TIMEOUTclose");

    if (idle != NULL && !is_zero(idle))
        write_duration(out, "response_timeout", idle->value);
    else
        fprintf(out->text, "response_timeout = %ds\n", IDLE_DEFAULT);
    if (close != NULL && is_zero(close))
        fputs("half_closed_timeout = 100ms\n", out->text);
    else if (close != NULL)
        write_duration(out, "half_closed_timeout", close->value);
}

/* Requests have timeouts of their own; the wait after the last reply is the same. */
static void write_http_timeouts(
    const struct migrate_output *out, const struct migrate_service *s)
{
    const struct stunnel_line *idle = migrate_find(s, "TIMEOUTidle");
    const struct stunnel_line *close = migrate_find(s, "TIMEOUTclose");

    if (idle != NULL)
        migrate_comment(out, idle, "not needed",
            "each state has its own: idle_timeout, response_timeout");
    if (close != NULL && is_zero(close))
        migrate_comment(out, close, "not needed",
            "0 would lose the end of replies: the default stays");
    else if (close != NULL)
        write_duration(out, "linger_timeout", close->value);
}

/* Writes the differences from stunnel that no line of the file shows. */
static void write_differences(
    const struct migrate_output *out, const struct migrate_service *s)
{
    const struct stunnel_line *failover = migrate_find(s, "failover");

    if (s->is_http) {
        fputs("protocol = http\n", out->text);
        print_wrapped_comment(out->text, "; ",
            "differs: requests are parsed: bodies over 8 MB are refused (max_body), and "
            "websockets (upgrade); protocol = tcp passes bytes on as stunnel does");
        write_http_timeouts(out, s);
    } else {
        fputs("protocol = tcp\n", out->text);
        write_tcp_timeouts(out, s);
    }
    if (connects(s) < 2 || (failover != NULL && strcasecmp(failover->value, "prio") == 0))
        return;
    if (option_find("balance") != NULL)
        fputs("balance = roundrobin\n", out->text);
    else
        print_wrapped_comment(out->text, "; ",
            "differs: the first backend that answers is taken, not each in turn");
}

void migrate_service_write(
    const struct migrate_output *out, const struct migrate_service *s)
{
    write_verify(out, s);
    write_names(out, s);
    write_tls(out, s);
    write_differences(out, s);
}
