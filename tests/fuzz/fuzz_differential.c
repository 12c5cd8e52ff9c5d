/* The same client, valid or not, against both TLS engines: they must agree on verdict,
 * alert, negotiated parameters and the server's messages, except as is_meant() allows.
 *
 * The input controls the client: a ClientHello is made and changed, then step after step
 * is sent under keys that are right all the same (forging_client.h), so that the states
 * behind a Finished are reached, too. The client's keys and random values and the
 * server's certificates are fixed for a run. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/tls_session.h"
#include "tests/fuzz/forging_client.h"
#include "tests/fuzz/forging_hello.h"
#include "tests/unit/service.h"

enum {
    ALERT = 21,
    HANDSHAKE = 22,
    KEY_UPDATE = 24,
    MESSAGE_HEADER = 4,
    PLAIN = 64 * 1024,
    LINE = 1024,
    MESSAGE_MAX = 256,
    STEPS_MAX = 40
};

static struct service services[TLS_ENGINE_COUNT];

/* ---- one engine's server ---- */

struct side {
    struct tls *tls;
    struct buffer out;
    struct forging_client client;
    bool bytewise;
    int code;
    unsigned plain_sum;
    size_t plain_len;
};

static void feed(struct side *side, const unsigned char *bytes, size_t len)
{
    static char plain[PLAIN];
    int n;

    if (side->code < 0)
        return;
    tls_feed(side->tls, (const char *)bytes, len);
    do {
        n = tls_read(side->tls, plain, sizeof(plain));
        if (n == TLS_NEED_KEYS)
            (void)engine_run();
        for (int i = 0; i < n; i++)
            side->plain_sum = 31 * side->plain_sum + (unsigned char)plain[i];
        side->plain_len += n > 0 ? (size_t)n : 0;
    } while (n > 0 || n == TLS_OPENED || n == TLS_NEED_KEYS);
    side->code = n;
    tls_keep(side->tls);
}

static void on_send(void *owner, const unsigned char *bytes, size_t len)
{
    struct side *side = owner;
    size_t step = side->bytewise ? 1 : len;

    for (size_t i = 0; i < len; i += step)
        feed(side, bytes + i, step);
    buffer_append(&side->client.from, buffer_data(&side->out), buffer_len(&side->out));
    buffer_clear(&side->out);
}

static void side_begin(struct side *side, enum tls_engine_choice engine, bool bytewise)
{
    memset(side, 0, sizeof(*side));
    side->bytewise = bytewise;
    side->tls = tls_server((struct tls_context *)services[engine].context, &side->out);
    forging_begin(&side->client, on_send, side);
}

static void side_end(struct side *side)
{
    forging_end(&side->client);
    tls_free(side->tls);
    buffer_destroy(&side->out);
    ERR_clear_error();
}

static void say_right(struct side *side, unsigned char *message, size_t len)
{
    struct forging_client *c = &side->client;

    if (len > 0)
        forging_say_message(c, message, len);
}

static void say_finished(struct side *side, size_t bent_at, unsigned char bent)
{
    struct forging_client *c = &side->client;
    unsigned char message[MESSAGE_MAX];
    size_t len = forging_finished(c, message);

    if (len > 0 && bent != 0)
        message[bent_at % len] ^= bent;
    say_right(side, message, len);
    if (len == 0 || c->holds)
        return;
    c->finished = true;
    if (c->tls13)
        forging_change_keys(c);
}

static void say_change(struct side *side)
{
    forging_say_raw(&side->client, (const unsigned char *)"\x14\3\3\0\1\1", 6);
    if (!side->client.tls13)
        forging_change_keys(&side->client);
}

/* Sends the rest of a handshake. */
static void say_rest(struct side *side)
{
    unsigned char message[MESSAGE_MAX];

    if (!side->client.tls13) {
        if (!side->client.resumed)
            say_right(side, message, forging_key_exchange(&side->client, message));
        forging_listen(&side->client);
        say_change(side);
    }
    say_finished(side, 0, 0);
    forging_listen(&side->client);
}

static void say_message(struct side *side, struct input *input)
{
    unsigned char message[MESSAGE_MAX] = {0};
    size_t len;
    const uint8_t *bytes;

    message[0] = (unsigned char)input_take(input);
    len = input_take(input) % 64;
    message[3] = (unsigned char)len;
    bytes = input_take_bytes(input, &len);
    memcpy(message + 4, bytes, len);
    say_right(side, message, 4 + len);
}

static void say_text(struct side *side, struct input *input)
{
    static const int types[] = {21, 22, 23, 23, 24, 0};
    int type = types[input_take(input) % 6];
    size_t len = input_take(input) % 64;
    const uint8_t *bytes = input_take_bytes(input, &len);

    forging_say(&side->client, type, bytes, len);
}

static void step(struct side *side, struct input *input)
{
    struct forging_client *c = &side->client;
    unsigned char message[MESSAGE_MAX];
    unsigned what = input_take(input) % 14, value;

    switch (what) {
    case 0:
        say_rest(side);
        break;
    case 1:
        say_right(side, message, forging_key_exchange(c, message));
        break;
    case 2:
        say_change(side);
        break;
    case 3:
        say_finished(side, 0, 0);
        break;
    case 4:
        value = input_take(input);
        say_finished(side, value, (unsigned char)input_take(input));
        break;
    case 5:
        say_message(side, input);
        break;
    case 6:
        say_text(side, input);
        break;
    case 7: /* close_notify, or other alerts of two bytes */
        message[0] = (unsigned char)input_take(input);
        message[1] = (unsigned char)input_take(input);
        forging_say(c, 21, message, 2);
        break;
    case 8: /* KeyUpdate */
        memcpy(message, "\x18\0\0\1", 4);
        message[4] = input_take(input) & 1;
        say_right(side, message, 5);
        forging_update_keys(c);
        break;
    case 9:
        c->padding = input_take(input);
        break;
    case 10:
        c->holds = !c->holds;
        break;
    case 11:
        c->out.sequence += input_take(input) == 0;
        break;
    case 12: /* messages that the server sends by itself */
        if (side->tls->open && side->code == TLS_NEED_INPUT) {
            (void)tls_write(side->tls, "hello", input_take(input) % 6);
            on_send(side, NULL, 0);
        }
        break;
    default:
        value = input_take(input);
        if (side->tls->open && side->code == TLS_NEED_INPUT && value == 0) {
            tls_end(side->tls);
            on_send(side, NULL, 0);
        }
    }
    forging_listen(c);
}

/* ---- a run ---- */

/* Where a step was, in the states in which the engines may differ. */
enum situation {
    ORDINARY,
    WRONG_BINDER, /* in the ClientHello */
    ALERT_AFTER_CHANGE, /* between TLS 1.2's ChangeCipherSpec and Finished */
    ALERT_AMID_MESSAGE, /* of TLS 1.3's handshake */
    HEADER_AFTER_KEY_UPDATE, /* and nothing more; OpenSSL has not answered */
    LONG_KEY_UPDATE,
    NO_LEVEL, /* an alert of TLS 1.2 that is neither a warning nor fatal, or is cut */
    RENEGOTIATION_BEGUN /* in TLS 1.2, by a part of a message that has its header */
};

/* A session after a step. */
struct mark {
    enum situation situation;
    int code, alert_sent, alert_received;
    bool malformed; /* an alert that the step sent */
    size_t message_len; /* of the last handshake message */
    char line[LINE];
};

struct outcome {
    struct mark marks[1 + STEPS_MAX];
    size_t count;
    struct forging_session offered;
    bool native, native_ticket;
};

static void mark(struct outcome *outcome, struct side *side, enum situation situation)
{
    const struct tls_info *info = tls_info(side->tls);
    struct mark *mark = &outcome->marks[outcome->count++];

    mark->situation = situation;
    mark->code = side->code;
    mark->malformed = side->client.malformed_alert;
    mark->message_len = side->client.message_len;
    mark->alert_received = side->tls->alert_received;
    /* Only OpenSSL counts close_notify and the warning no_renegotiation. */
    mark->alert_sent =
        side->tls->alert_sent > 0 && side->tls->alert_sent != SSL_AD_NO_RENEGOTIATION
        ? side->tls->alert_sent
        : -1;
    (void)snprintf(mark->line, sizeof(mark->line),
        "%d%s alert=%d received=%d %s %s %s%s sni=%s alpn=%s plain=%zu,%x:%s", side->code,
        side->tls->open ? " open" : "", mark->alert_sent, mark->alert_received,
        info->version, info->cipher, info->group, info->resumed ? " resumed" : "",
        side->tls->open ? info->sni : "", info->alpn, side->plain_len, side->plain_sum,
        side->client.story);
}

/* Finds the situation of the step that sends the next record. */
static enum situation situation_before(const struct side *side)
{
    const struct forging_client *c = &side->client;

    if (side->code != TLS_NEED_INPUT)
        return ORDINARY;
    if (c->tls13 && forging_is_amid(c))
        return ALERT_AMID_MESSAGE;
    if (!c->tls13 && c->out.sealed && !side->tls->open)
        return ALERT_AFTER_CHANGE;
    return c->answer_due ? HEADER_AFTER_KEY_UPDATE : ORDINARY;
}

static enum situation situation_of_message(const struct side *side)
{
    const struct forging_client *c = &side->client;

    if (c->tls13)
        return c->finished && c->message_type == KEY_UPDATE && c->message_len > 1
            ? LONG_KEY_UPDATE
            : ORDINARY;
    return side->tls->open && c->header_sent == MESSAGE_HEADER ? RENEGOTIATION_BEGUN
                                                               : ORDINARY;
}

/* The situation stands if the step sent what belongs to it; others follow from that. */
static enum situation situation_after(const struct side *side, enum situation before)
{
    const struct forging_client *c = &side->client;

    if (c->sent == ALERT &&
        (before == ALERT_AMID_MESSAGE || before == ALERT_AFTER_CHANGE))
        return before;
    if (c->sent == ALERT)
        return !c->tls13 && c->malformed_alert ? NO_LEVEL : ORDINARY;
    if (c->sent == HANDSHAKE && before == HEADER_AFTER_KEY_UPDATE && c->at_header)
        return before;
    return c->sent == HANDSHAKE ? situation_of_message(side) : ORDINARY;
}

static void connect_once(struct side *side, const struct forging_hello *plan,
    const struct forging_session *session)
{
    struct buffer hello = {0};

    side->client.offered = session;
    side->client.may_resume = forging_hello_may_resume(plan);
    forging_hello_write(&hello, plan, session);
    forging_hello(
        &side->client, (unsigned char *)buffer_data(&hello), buffer_len(&hello));
    buffer_destroy(&hello);
}

static void take_steps(struct outcome *outcome, struct side *side, struct input input)
{
    for (int i = 0; i < STEPS_MAX && input.at < input.end; i++) {
        enum situation situation = situation_before(side);

        side->client.sent = 0;
        step(side, &input);
        mark(outcome, side, situation_after(side, situation));
    }
}

/* `foreign`: a session of another server is offered in the place of an own one. */
static void run(struct outcome *outcome, enum tls_engine_choice engine,
    struct input input, const struct forging_session *foreign)
{
    struct forging_hello plan;
    struct side side;

    memset(outcome, 0, sizeof(*outcome));
    forging_hello_plan(&plan, &input);
    if (foreign != NULL) {
        outcome->offered = *foreign;
    } else if (plan.resumes) {
        side_begin(&side, engine, false);
        connect_once(&side, &plan, NULL);
        say_rest(&side);
        outcome->offered = side.client.got;
        outcome->native_ticket = side.tls->engine != &tls_openssl;
        side_end(&side);
    }
    for (unsigned bends = input_take(&input) % 6; bends > 0; bends--)
        forging_hello_bend(&plan, &input);
    side_begin(&side, engine, plan.bytewise);
    connect_once(&side, &plan, outcome->offered.valid ? &outcome->offered : NULL);
    mark(outcome, &side,
        outcome->offered.valid && outcome->offered.tls13 && plan.wrong_binder
            ? WRONG_BINDER
            : ORDINARY);
    take_steps(outcome, &side, input);
    outcome->native = side.tls->engine != &tls_openssl;
    side_end(&side);
    forging_hello_destroy(&plan);
}

/* ---- the verdict ---- */

/* The alert was taken: we sent none, except for one that is malformed (RFC 8446, 6). */
static bool heard(const struct mark *mark)
{
    return mark->alert_sent == -1 ||
        (mark->malformed &&
            (mark->alert_sent == SSL_AD_ILLEGAL_PARAMETER ||
                mark->alert_sent == SSL_AD_DECODE_ERROR));
}

static bool refused(const struct mark *mark, int alert)
{
    return mark->code == TLS_FAILED && mark->alert_sent == alert;
}

/* OpenSSL refuses a longer ClientHello by its header. */
enum { HELLO_MAX = 131396 };

static bool goes_on_declined(const struct mark *own)
{
    static const char end[] = " a1,100";
    size_t len = strlen(own->line);

    return own->code == TLS_NEED_INPUT && len >= sizeof(end) - 1 &&
        strcmp(own->line + len - (sizeof(end) - 1), end) == 0;
}

/* The two are the same but for one warning no_renegotiation. */
static bool is_answered_sooner(const struct mark *stock, const struct mark *own)
{
    size_t len = strlen(stock->line);

    return strncmp(stock->line, own->line, len) == 0 &&
        strcmp(own->line + len, " a1,100") == 0;
}

/* The intended differences, in the step in which they begin (docs/conformance.md). */
static bool is_meant(const struct mark *stock, const struct mark *own)
{
    switch (own->situation) {
    case WRONG_BINDER: /* RFC 8446, 6.2: a decrypt_error */
        return refused(stock, SSL_AD_ILLEGAL_PARAMETER) &&
            refused(own, SSL_AD_DECRYPT_ERROR);
    case ALERT_AFTER_CHANGE: /* RFC 5246, 7.2: an alert is an alert */
        return refused(stock, SSL_AD_UNEXPECTED_MESSAGE) && heard(own);
    case ALERT_AMID_MESSAGE: /* RFC 8446, 5.1: nothing may come in between */
        return heard(stock) && refused(own, SSL_AD_UNEXPECTED_MESSAGE);
    case LONG_KEY_UPDATE: /* RFC 8446, 6.2: a decode_error */
        return refused(stock, SSL_AD_ILLEGAL_PARAMETER) &&
            refused(own, SSL_AD_DECODE_ERROR);
    case NO_LEVEL: /* RFC 5246, 7.2: OpenSSL looks at the description first */
        return own->alert_received == SSL_AD_NO_RENEGOTIATION &&
            refused(stock, SSL_AD_HANDSHAKE_FAILURE) &&
            refused(own, SSL_AD_ILLEGAL_PARAMETER);
    case RENEGOTIATION_BEGUN: /* RFC 5246, 7.2.2; OpenSSL answers a whole message */
        if (own->message_len > HELLO_MAX)
            return refused(stock, SSL_AD_ILLEGAL_PARAMETER) && goes_on_declined(own);
        return is_answered_sooner(stock, own);
    default: /* OpenSSL is answering the KeyUpdate, and judges with the next record */
        return stock->situation == HEADER_AFTER_KEY_UPDATE &&
            stock->code == TLS_NEED_INPUT && stock->alert_sent == -1 &&
            refused(own, SSL_AD_UNEXPECTED_MESSAGE);
    }
}

/* Returns the number of the first step after which the two differ, or of their steps. */
static size_t first_difference(const struct outcome *stock, const struct outcome *own)
{
    size_t i = 0;

    while (i < stock->count && i < own->count &&
        strcmp(stock->marks[i].line, own->marks[i].line) == 0)
        i++;
    return i;
}

static void start(void)
{
    static const char *const engines[] = {
        [TLS_ENGINE_OPENSSL] = "openssl", [TLS_ENGINE_NATIVE] = "native"};
    struct error err;

    if (!engine_start(ENGINE_AUTO, &err))
        abort();
    for (size_t i = 0; i < TLS_ENGINE_COUNT; i++) {
        EVP_PKEY *rsa = service_key("2048"), *ec = service_key("P-256");

        service_engine = engines[i];
        service_init(&services[i], "wlb", "");
        service_show(&services[i], ec);
        service_show(&services[i], rsa);
        service_ready(&services[i]);
        EVP_PKEY_free(rsa);
        EVP_PKEY_free(ec);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    static struct outcome stock, own;
    size_t i;

    if (services[0].context == NULL)
        start();
    run(&own, TLS_ENGINE_NATIVE, input, NULL);
    /* A ticket that the native engine sealed is another server's for OpenSSL. */
    run(&stock, TLS_ENGINE_OPENSSL, input,
        own.native_ticket && !own.native && own.offered.valid ? &own.offered : NULL);
    i = first_difference(&stock, &own);
    if (i == stock.count && i == own.count)
        return 0;
    if (i < stock.count && i < own.count && is_meant(&stock.marks[i], &own.marks[i]))
        return 0;
    (void)fprintf(stderr, "step %zu, situation %d\nopenssl %s\nnative%s %s\n", i,
        own.marks[i].situation, stock.marks[i].line, own.native ? "" : "'s OpenSSL",
        own.marks[i].line);
    abort();
}
