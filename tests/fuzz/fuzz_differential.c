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

enum { PLAIN = 64 * 1024, LINE = 1024, MESSAGE_MAX = 256, STEPS_MAX = 40 };

static struct service services[TLS_ENGINE_COUNT];

/* ---- one engine's server ---- */

struct side {
    struct tls *tls;
    struct buffer out;
    struct forging_client client;
    bool bytewise, alert_amid;
    bool part; /* a handshake message may have begun and not ended */
    bool asked; /* for new keys of the server */
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

/* Notes an alert at a place where only a Finished may come, or amid a message. */
static void note_alert(struct side *side)
{
    const struct forging_client *c = &side->client;

    side->alert_amid =
        side->alert_amid || (c->tls13 ? side->part : c->out.sealed && !c->finished);
}

static void say_text(struct side *side, struct input *input)
{
    static const int types[] = {21, 22, 23, 23, 24, 0};
    int type = types[input_take(input) % 6];
    size_t len = input_take(input) % 64;
    const uint8_t *bytes = input_take_bytes(input, &len);

    if (type == 21)
        note_alert(side);
    side->part = side->part || (type == 22 && len > 0);
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
        note_alert(side);
        forging_say(c, 21, message, 2);
        break;
    case 8: /* KeyUpdate */
        memcpy(message, "\x18\0\0\1", 4);
        message[4] = input_take(input) & 1;
        side->asked = side->asked || message[4] == 1;
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

struct outcome {
    char line[LINE];
    int code, alert_sent;
    bool native, native_ticket, alert_amid, asked;
};

static void connect_once(struct side *side, const struct forging_hello *plan,
    struct input input, const struct forging_session *session, bool decent)
{
    struct buffer hello = {0};

    side->client.offered = session;
    forging_hello_write(&hello, plan, session);
    forging_hello(
        &side->client, (unsigned char *)buffer_data(&hello), buffer_len(&hello));
    buffer_destroy(&hello);
    if (decent)
        say_rest(side);
    for (int i = 0; !decent && i < STEPS_MAX && input.at < input.end; i++)
        step(side, &input);
}

static void describe(struct outcome *outcome, struct side *side)
{
    const struct tls_info *info = tls_info(side->tls);

    outcome->code = side->code;
    /* Only OpenSSL counts close_notify and the warning no_renegotiation. */
    outcome->alert_sent =
        side->tls->alert_sent > 0 && side->tls->alert_sent != SSL_AD_NO_RENEGOTIATION
        ? side->tls->alert_sent
        : -1;
    outcome->alert_amid = side->alert_amid;
    outcome->asked = side->asked;
    outcome->native = side->tls->engine != &tls_openssl;
    (void)snprintf(outcome->line, sizeof(outcome->line),
        "%d%s alert=%d received=%d %s %s %s%s sni=%s alpn=%s plain=%zu,%x:%s", side->code,
        side->tls->open ? " open" : "", outcome->alert_sent, side->tls->alert_received,
        info->version, info->cipher, info->group, info->resumed ? " resumed" : "",
        side->tls->open ? info->sni : "", info->alpn, side->plain_len, side->plain_sum,
        side->client.story);
}

static struct outcome run(enum tls_engine_choice engine, struct input input)
{
    struct forging_session session = {0};
    struct outcome outcome = {.code = 0};
    struct forging_hello plan;
    struct side side;

    forging_hello_plan(&plan, &input);
    if (plan.resumes) {
        side_begin(&side, engine, false);
        connect_once(&side, &plan, input, NULL, true);
        session = side.client.got;
        outcome.native_ticket = side.tls->engine != &tls_openssl;
        side_end(&side);
    }
    for (unsigned bends = input_take(&input) % 6; bends > 0; bends--)
        forging_hello_bend(&plan, &input);
    side_begin(&side, engine, plan.bytewise);
    connect_once(&side, &plan, input, session.valid ? &session : NULL, false);
    describe(&outcome, &side);
    side_end(&side);
    forging_hello_destroy(&plan);
    return outcome;
}

/* The intended differences (docs/conformance.md). */
static bool is_meant(const struct outcome *stock, const struct outcome *own)
{
    /* OpenSSL got a ClientHello with a ticket that the native engine had sealed. */
    if (own->native_ticket && !own->native)
        return true;
    /* An alert between TLS 1.2's ChangeCipherSpec and Finished: OpenSSL ignores it. One
     * amid a message of TLS 1.3's handshake: OpenSSL hears it. */
    if (own->alert_amid &&
        (stock->alert_sent == SSL_AD_UNEXPECTED_MESSAGE ||
            own->alert_sent == SSL_AD_UNEXPECTED_MESSAGE))
        return true;
    /* OpenSSL answers a KeyUpdate when a message follows, and judges that one later. */
    if (own->asked && stock->code == TLS_NEED_INPUT &&
        own->alert_sent == SSL_AD_UNEXPECTED_MESSAGE)
        return true;
    /* A wrong binder (RFC 8446, 6.2: decrypt_error). */
    return stock->alert_sent == SSL_AD_ILLEGAL_PARAMETER &&
        own->alert_sent == SSL_AD_DECRYPT_ERROR;
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
    struct outcome stock, own;

    if (services[0].context == NULL)
        start();
    stock = run(TLS_ENGINE_OPENSSL, input);
    own = run(TLS_ENGINE_NATIVE, input);
    if (strcmp(stock.line, own.line) == 0 || is_meant(&stock, &own))
        return 0;
    (void)fprintf(stderr, "openssl %s\nnative%s %s\n", stock.line,
        own.native ? "" : "'s OpenSSL", own.line);
    abort();
}
