/* The native engine: connects a handshake (handshake.h) with messages and records, and
 * handles the records alone once it is done. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "proxy/base/memory.h"
#include "proxy/tls/native/handshake.h"
#include "proxy/tls/native/native_info.h"
#include "proxy/tls/native/native_records.h"
#include "proxy/tls/native/post_handshake.h"

enum {
    FIXED_NONCE = 4, /* RFC 5288, 3 */
    CLIENT_HELLO = 1,
    VERSION_MAJOR = 3,
    VERSION_MINOR_MAX = 3,
    CHANGES_MAX = 32, /* ChangeCipherSpecs that have no effect; OpenSSL's limit */
    EMPTY_MAX = 32 /* records without content in a row; OpenSSL's limit */
};

struct native_handshake {
    struct handshake_output output;
    struct tls *tls;
    struct handshake *handshake;
    struct buffer messages; /* of the client, not complete yet or not due */
    bool expected; /* handshake_expects() has accepted the first of them */
    unsigned changes, empty;
};

static struct tls *tls_of(struct handshake_output *output)
{
    return ((struct native_handshake *)(void *)output)->tls;
}

static bool on_messages(
    struct handshake_output *output, const unsigned char *bytes, size_t len)
{
    struct tls *tls = tls_of(output);

    tls->answered = true;
    while (len > 0) {
        size_t n = len < TLS_PLAINTEXT_MAX ? len : TLS_PLAINTEXT_MAX;

        if (!tls_seal(tls, SSL3_RT_HANDSHAKE, bytes, n))
            return false;
        bytes += n;
        len -= n;
    }
    return true;
}

static bool on_change_cipher_spec(struct handshake_output *output)
{
    return tls_seal(tls_of(output), SSL3_RT_CHANGE_CIPHER_SPEC, "\1", 1);
}

/* RFC 5246, 6.3 */
static void begin_direction_12(struct tls_records *r, struct tls_direction *direction,
    const struct handshake_keys *keys, bool seals)
{
    r->explicit_nonce = keys->suite->cipher != RECORD_CHACHA20_POLY1305;
    memcpy(direction->iv, keys->iv, r->explicit_nonce ? FIXED_NONCE : RECORD_NONCE);
    direction->sequence = 0;
    record_key_init(&direction->key, keys->suite->cipher, seals, keys->key);
}

static bool begin_direction(struct tls_records *r, struct tls_direction *direction,
    const struct handshake_keys *keys)
{
    if (!direction->clear)
        record_key_destroy(&direction->key);
    direction->clear = false;
    r->tls13 = keys->suite->version == VERSION_13;
    r->digest = keys->suite->digest;
    if (r->tls13) {
        memcpy(direction->secret, keys->secret, r->digest->len);
        tls_direction_begin(direction, r, keys->suite->cipher);
    } else {
        begin_direction_12(r, direction, keys, direction == &r->out);
    }
    return true;
}

static bool on_keys_in(struct handshake_output *output, const struct handshake_keys *keys)
{
    struct tls_records *r = tls_records_of(tls_of(output));

    return begin_direction(r, &r->in, keys);
}

static bool on_keys_out(
    struct handshake_output *output, const struct handshake_keys *keys)
{
    struct tls_records *r = tls_records_of(tls_of(output));

    return begin_direction(r, &r->out, keys);
}

/* Called from inside engine_run(). */
static void on_told(struct handshake_output *output)
{
    tls_of(output)->keys_ready = true;
}

static const struct handshake_output functions = {.messages = on_messages,
    .change_cipher_spec = on_change_cipher_spec,
    .keys_in = on_keys_in,
    .keys_out = on_keys_out,
    .told = on_told};

/* TLS_OPENED: the only record holds exactly one whole ClientHello. */
static int look_for_hello(const struct tls *tls)
{
    const unsigned char *bytes = (const unsigned char *)tls->in;
    size_t body_len;

    if ((tls->in_len > 0 && bytes[0] != SSL3_RT_HANDSHAKE) ||
        (tls->in_len > 1 && bytes[1] != VERSION_MAJOR) ||
        (tls->in_len > 2 && bytes[2] > VERSION_MINOR_MAX))
        return TLS_FAILED;
    if (tls->in_len < TLS_RECORD_HEADER)
        return TLS_NEED_INPUT;
    body_len = (size_t)bytes[3] << 8 | bytes[4];
    if (body_len == 0 || body_len > TLS_PLAINTEXT_MAX ||
        (tls->in_len > TLS_RECORD_HEADER && bytes[TLS_RECORD_HEADER] != CLIENT_HELLO) ||
        tls->in_len > TLS_RECORD_HEADER + body_len)
        return TLS_FAILED;
    return tls->in_len < TLS_RECORD_HEADER + body_len ? TLS_NEED_INPUT : TLS_OPENED;
}

static struct native_handshake *make(struct tls *tls)
{
    struct native_handshake *native = memory_new(sizeof(*native));

    native->output = functions;
    native->output.urgent = tls->urgent;
    native->tls = tls;
    return native;
}

static void free_handshake(struct native_handshake *native)
{
    if (native == NULL)
        return;
    handshake_free(native->handshake);
    buffer_destroy(&native->messages);
    free(native);
}

static void release(struct tls *tls)
{
    struct tls_native *session = tls_native_of(tls);

    free_handshake(session->handshake);
    tls_records_destroy(&session->records);
    buffer_destroy(&session->partial);
    free(session);
    tls->session = NULL;
}

static int begin(struct tls *tls)
{
    int seen = look_for_hello(tls);
    struct tls_native *session;

    if (seen != TLS_OPENED)
        return seen;
    session = memory_new(sizeof(*session));
    tls->session = session;
    tls_records_init(&session->records);
    session->handshake = make(tls);
    session->handshake->handshake =
        handshake_begin(tls->context, (const unsigned char *)tls->in + TLS_RECORD_HEADER,
            tls->in_len - TLS_RECORD_HEADER, &session->handshake->output);
    if (session->handshake->handshake == NULL) {
        release(tls);
        return TLS_FAILED;
    }
    tls->in_len = 0;
    buffer_destroy(&tls->kept);
    return TLS_OPENED;
}

static int failed(struct tls *tls, int alert, int reason)
{
    unsigned long error = ERR_PACK(ERR_LIB_SSL, 0, reason);

    tls->error = error;
    return tls_refuse(tls, alert, ERR_reason_error_string(error));
}

/* Bytes that a client of TLS 1.2 sent in one record with its Finished go to the open
 * session, which fails for it. */
static void deliver_rest(struct tls *tls, const struct buffer *messages)
{
    if (buffer_len(messages) > 0)
        (void)tls_on_handshake(
            tls, (const unsigned char *)buffer_data(messages), buffer_len(messages));
}

static int opened(struct tls *tls)
{
    struct native_handshake *native = tls_native_of(tls)->handshake;
    struct tls_negotiated *outcome = tls_native_outcome(native->handshake);

    tls_native_of(tls)->handshake = NULL;
    deliver_rest(tls, &native->messages);
    free_handshake(native);
    return tls_opened(tls, outcome);
}

/* Returns the length of the first message as soon as its header is there; 0: the header
 * is not complete. */
static size_t next_message(struct native_handshake *native)
{
    const unsigned char *bytes = (const unsigned char *)buffer_data(&native->messages);
    size_t have = buffer_len(&native->messages), len;

    if (have < TLS_MESSAGE_HEADER)
        return 0;
    len = (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (!native->expected && !handshake_expects(native->handshake, bytes[0], len))
        return 0;
    native->expected = true;
    return have >= TLS_MESSAGE_HEADER + len ? TLS_MESSAGE_HEADER + len : 0;
}

static void take_messages(struct native_handshake *native)
{
    struct handshake *handshake = native->handshake;
    size_t len;

    while (
        handshake->state == HANDSHAKE_AWAITS_CLIENT && (len = next_message(native)) > 0) {
        native->expected = false;
        handshake_message(handshake,
            (const unsigned char *)buffer_data(&native->messages), len,
            buffer_len(&native->messages) == len);
        buffer_consume(&native->messages, len);
    }
}

/* Continues as far as it can without more input. 0: it needs some. */
static int advance(struct tls *tls)
{
    struct handshake *handshake = tls_native_of(tls)->handshake->handshake;

    while (handshake->state == HANDSHAKE_AWAITS_KEYS &&
        handshake_keys_are_ready(handshake)) {
        handshake_go_on(handshake);
        take_messages(tls_native_of(tls)->handshake);
    }
    tls->awaiting = handshake->state == HANDSHAKE_AWAITS_KEYS;
    switch (handshake->state) {
    case HANDSHAKE_AWAITS_KEYS:
        return TLS_NEED_KEYS;
    case HANDSHAKE_DONE:
        return opened(tls);
    case HANDSHAKE_FAILED:
        return failed(tls, handshake->alert, handshake->reason);
    default:
        return 0;
    }
}

static int deliver_messages(struct tls *tls, const unsigned char *bytes, size_t len)
{
    if (len == 0 && tls_records_of(tls)->tls13)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_BAD_LENGTH);
    buffer_append(&tls_native_of(tls)->handshake->messages, bytes, len);
    take_messages(tls_native_of(tls)->handshake);
    return advance(tls);
}

/* For TLS 1.3 see RFC 8446, 5. In TLS 1.2 it must come where the handshake expects it;
 * elsewhere it is refused. */
static int deliver_change(struct tls *tls, const unsigned char *bytes, size_t len)
{
    struct native_handshake *native = tls_native_of(tls)->handshake;
    bool well_formed = len == 1 && bytes[0] == 1;

    if (machine_action(native->handshake->machine, MACHINE_CHANGE_CIPHER_SPEC) !=
        MACHINE_IGNORE) {
        if (!well_formed || buffer_len(&native->messages) > 0)
            return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_BAD_CHANGE_CIPHER_SPEC);
        handshake_change_cipher_spec(native->handshake);
        return advance(tls);
    }
    if (!well_formed)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_INVALID_CCS_MESSAGE);
    if (++native->changes > CHANGES_MAX)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_CCS_MESSAGE);
    return 0;
}

/* 0: read on. */
static int deliver_to_handshake(
    struct tls *tls, int type, const unsigned char *plain, size_t len)
{
    struct native_handshake *native = tls_native_of(tls)->handshake;

    native->empty = len > 0 ? 0 : native->empty + 1;
    if (native->empty > EMPTY_MAX)
        return tls_refuse_flood(tls);
    if (type == SSL3_RT_HANDSHAKE)
        return deliver_messages(tls, plain, len);
    if (type == SSL3_RT_CHANGE_CIPHER_SPEC)
        return deliver_change(tls, plain, len);
    if (tls_records_of(tls)->tls13 && buffer_len(&native->messages) > 0)
        return failed(
            tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_MIXED_HANDSHAKE_AND_NON_HANDSHAKE_DATA);
    if (machine_action(native->handshake->machine, machine_record(type)) ==
        MACHINE_REFUSE)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_RECORD);
    return tls_on_alert(tls, plain, len);
}

/* 0: read on. */
static int deliver_to_session(
    struct tls *tls, int type, const unsigned char *plain, size_t len)
{
    struct tls_records *r = tls_records_of(tls);

    if (r->message_len > 0 && r->tls13 && type != SSL3_RT_HANDSHAKE)
        return tls_refuse(
            tls, SSL_AD_UNEXPECTED_MESSAGE, "something else amid a handshake message");
    if (type != SSL3_RT_HANDSHAKE &&
        machine_action(r->tls13 ? MACHINE_TLS13_OPEN : MACHINE_TLS12_OPEN,
            machine_record(type)) == MACHINE_REFUSE)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "unexpected record");
    switch (type) {
    case SSL3_RT_APPLICATION_DATA:
        if (len == 0)
            return 0;
        r->warnings = 0;
        tls_earn(tls, len);
        return (int)len;
    case SSL3_RT_ALERT:
        return tls_on_alert(tls, plain, len);
    default:
        return tls_on_handshake(tls, plain, len);
    }
}

static int read_records(struct tls *tls, char *plain, size_t capacity)
{
    unsigned char *to = (unsigned char *)plain;
    struct opened_record record;
    int n = 0;

    assert(capacity >= TLS_OPENED_RECORD_MAX);
    while (n == 0) {
        int opened = tls_records_open(tls, to, &record);

        if (opened <= 0)
            return opened;
        n = tls_native_of(tls)->handshake != NULL
            ? deliver_to_handshake(tls, record.type, to, record.len)
            : deliver_to_session(tls, record.type, to, record.len);
    }
    return n;
}

static int read_some(struct tls *tls, char *plain, size_t capacity)
{
    int event;

    if (tls->open)
        return read_records(tls, plain, capacity);
    tls->keys_ready = false;
    tls_native_of(tls)->handshake->output.urgent = tls->urgent;
    event = advance(tls);
    return event != 0 ? event : read_records(tls, plain, capacity);
}

static const char *host_name(const struct tls *tls)
{
    return tls_native_of(tls)->handshake->handshake->host_name;
}

static SSL_CTX *context(const struct tls *tls)
{
    return tls_native_of(tls)->handshake->handshake->context;
}

const struct tls_engine tls_native = {.id = TLS_ENGINE_NATIVE,
    .begin = begin,
    .read = read_some,
    .write = tls_records_write,
    .end = tls_records_end,
    .free = release,
    .host_name = host_name,
    .context = context};
