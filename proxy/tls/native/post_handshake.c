#include "proxy/tls/native/post_handshake.h"

#include <string.h>

#include <openssl/err.h>

#include "proxy/tls/native/machine.h"
#include "proxy/tls/native/native_records.h"

enum { WARNINGS_MAX = 4 /* in a row; OpenSSL's limit */ };

static int ended(struct tls *tls)
{
    tls->ended = true;
    return TLS_END;
}

static int failed_by_peer(struct tls *tls, int alert)
{
    tls->text =
        ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + alert));
    tls->dead = true;
    return TLS_FAILED;
}

/* RFC 8446, 6: the level has no meaning any more, and only two alerts are not errors. */
int tls_on_alert(struct tls *tls, const unsigned char *bytes, size_t len)
{
    struct tls_records *r = tls_records_of(tls);

    if (len != 2)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "invalid alert");
    tls->alert_received = bytes[1];
    bool warning =
        r->tls13 ? bytes[1] == SSL_AD_USER_CANCELLED : bytes[0] == SSL3_AL_WARNING;
    if (bytes[1] == SSL_AD_CLOSE_NOTIFY && (r->tls13 || warning))
        return ended(tls);
    if (!warning && !r->tls13 && bytes[0] != SSL3_AL_FATAL)
        return tls_refuse(tls, SSL_AD_ILLEGAL_PARAMETER, "unknown alert type");
    if (!warning)
        return failed_by_peer(tls, bytes[1]);
    if (++r->warnings > WARNINGS_MAX)
        return tls_refuse_flood(tls);
    if (bytes[1] == SSL_AD_NO_RENEGOTIATION) /* belongs to TLS 1.2, and we never asked for
                                              * renegotiation */
        return tls_refuse(tls, SSL_AD_HANDSHAKE_FAILURE, "no renegotiation");
    return 0;
}

/* RFC 8446, 4.6.3 */
static int on_key_update(struct tls *tls)
{
    struct tls_records *r = tls_records_of(tls);
    unsigned char asks = r->message[TLS_MESSAGE_HEADER];

    if (asks > 1)
        return tls_refuse(tls, SSL_AD_ILLEGAL_PARAMETER, "bad key update");
    if (!tls_direction_next(&r->in, r) || (asks == 1 && !tls_rekey_out(tls)))
        return tls_refuse(tls, SSL_AD_INTERNAL_ERROR, "no new keys");
    return 0;
}

static size_t take(
    struct tls_records *r, size_t most, const unsigned char *bytes, size_t len)
{
    size_t n = most - r->message_len < len ? most - r->message_len : len;

    memcpy(r->message + r->message_len, bytes, n);
    r->message_len += n;
    return n;
}

static size_t message_len(const struct tls_records *r)
{
    return (size_t)r->message[1] << 16 | (size_t)r->message[2] << 8 | r->message[3];
}

/* A client of TLS 1.3 may only send KeyUpdate, and it must end its record (RFC 8446,
 * 5.1). */
static int on_message_13(struct tls *tls, const unsigned char *bytes, size_t len)
{
    struct tls_records *r = tls_records_of(tls);
    size_t n = take(r, TLS_MESSAGE_HEADER, bytes, len);

    if (r->message_len < TLS_MESSAGE_HEADER)
        return 0;
    if (machine_action(MACHINE_TLS13_OPEN, machine_message(r->message[0])) !=
        MACHINE_TAKE)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message");
    if (message_len(r) != 1)
        return tls_refuse(tls, SSL_AD_DECODE_ERROR, "bad key update");
    n += take(r, TLS_KEY_UPDATE, bytes + n, len - n);
    if (r->message_len < TLS_KEY_UPDATE)
        return 0;
    if (n < len)
        return tls_refuse(
            tls, SSL_AD_UNEXPECTED_MESSAGE, "a key update not at the end of its record");
    r->message_len = 0;
    return on_key_update(tls);
}

/* RFC 5246, 7.2.2 */
static int refuse_renegotiation(struct tls *tls)
{
    static const unsigned char no[] = {SSL3_AL_WARNING, SSL_AD_NO_RENEGOTIATION};

    if (!tls_count_record(tls))
        return tls_refuse_flood(tls);
    if (!tls_seal(tls, SSL3_RT_ALERT, no, sizeof(no)))
        return tls_refuse(tls, SSL_AD_INTERNAL_ERROR, "no alert");
    return 0;
}

static int on_hello_12(struct tls *tls)
{
    struct tls_records *r = tls_records_of(tls);

    if (machine_action(MACHINE_TLS12_OPEN, machine_message(r->message[0])) !=
        MACHINE_DECLINE)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message");
    r->skip = message_len(r);
    r->message_len = 0;
    return refuse_renegotiation(tls);
}

/* In TLS 1.2 such messages are attempts to renegotiate. After our close_notify nothing
 * can answer them, not even an alert: they are passed over, as OpenSSL does, and the
 * connection ends in order. */
static int on_message_12(struct tls *tls, const unsigned char *bytes, size_t len)
{
    struct tls_records *r = tls_records_of(tls);
    int answer = 0;

    while (!r->silent && answer == 0 && len > 0) {
        size_t n = r->skip < len ? r->skip : len;

        r->skip -= n;
        n += take(r, TLS_MESSAGE_HEADER, bytes + n, len - n);
        if (r->message_len == TLS_MESSAGE_HEADER)
            answer = on_hello_12(tls);
        bytes += n;
        len -= n;
    }
    return answer;
}

int tls_on_handshake(struct tls *tls, const unsigned char *bytes, size_t len)
{
    if (!tls_records_of(tls)->tls13)
        return on_message_12(tls, bytes, len);
    if (len == 0)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "an empty handshake record");
    return on_message_13(tls, bytes, len);
}
