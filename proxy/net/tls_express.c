/* A handshake of our own (proxy/handshake) between its messages and our records. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "proxy/handshake/handshake.h"
#include "proxy/net/tls_records.h"
#include "proxy/net/tls_session.h"

enum {
    FIXED_NONCE = 4, /* RFC 5288, 3 */
    CLIENT_HELLO = 1,
    VERSION_MAJOR = 3,
    VERSION_MINOR_MAX = 3,
    CHANGES_MAX = 32, /* ChangeCipherSpecs that mean nothing; as OpenSSL */
    EMPTY_MAX = 32 /* records without content in a row; as OpenSSL */
};

struct tls_express {
    struct handshake_output output;
    struct tls *tls;
    struct handshake *handshake;
    struct buffer messages; /* of the client, not whole yet or not due */
    bool expected; /* the first of them may come */
    unsigned changes, empty;
};

static struct tls *tls_of(struct handshake_output *output)
{
    return ((struct tls_express *)(void *)output)->tls;
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
static void begin_way_12(struct tls_records *r, struct tls_way *way,
    const struct handshake_keys *keys, bool seals)
{
    r->explicit_nonce = keys->suite->cipher != RECORD_CHACHA20_POLY1305;
    memcpy(way->iv, keys->iv, r->explicit_nonce ? FIXED_NONCE : RECORD_NONCE);
    way->sequence = 0;
    record_key_init(&way->key, keys->suite->cipher, seals, keys->key);
}

static bool begin_way(
    struct tls_records *r, struct tls_way *way, const struct handshake_keys *keys)
{
    if (!way->clear)
        record_key_destroy(&way->key);
    way->clear = false;
    r->tls13 = keys->suite->version == VERSION_13;
    r->digest = keys->suite->digest;
    if (r->tls13) {
        memcpy(way->secret, keys->secret, r->digest->len);
        tls_way_begin(way, r, keys->suite->cipher);
    } else {
        begin_way_12(r, way, keys, way == &r->out);
    }
    return true;
}

static bool on_keys_in(struct handshake_output *output, const struct handshake_keys *keys)
{
    struct tls_records *r = tls_of(output)->records;

    return begin_way(r, &r->in, keys);
}

static bool on_keys_out(
    struct handshake_output *output, const struct handshake_keys *keys)
{
    struct tls_records *r = tls_of(output)->records;

    return begin_way(r, &r->out, keys);
}

/* From inside engine_run(). */
static void on_told(struct handshake_output *output)
{
    tls_of(output)->keys_ready = true;
}

static const struct handshake_output functions = {.messages = on_messages,
    .change_cipher_spec = on_change_cipher_spec,
    .keys_in = on_keys_in,
    .keys_out = on_keys_out,
    .told = on_told};

/* TLS_OPENED: the one record that came holds one whole ClientHello, and nothing else. */
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

static struct tls_express *make(struct tls *tls)
{
    struct tls_express *express = calloc(1, sizeof(*express));

    if (express == NULL)
        abort();
    express->output = functions;
    express->tls = tls;
    tls->records = tls_records_new();
    return express;
}

int tls_express_begin(struct tls *tls)
{
    int seen = look_for_hello(tls);
    struct tls_express *express;

    if (seen != TLS_OPENED)
        return seen;
    express = make(tls);
    express->handshake =
        handshake_begin(tls->context, (const unsigned char *)tls->in + TLS_RECORD_HEADER,
            tls->in_len - TLS_RECORD_HEADER, &express->output);
    if (express->handshake == NULL) {
        tls_records_free(tls->records);
        tls->records = NULL;
        free(express);
        return TLS_FAILED;
    }
    tls->express = express;
    tls->in_len = 0;
    buffer_destroy(&tls->kept);
    return TLS_OPENED;
}

void tls_express_free(struct tls_express *express)
{
    if (express == NULL)
        return;
    handshake_free(express->handshake);
    buffer_destroy(&express->messages);
    free(express);
}

static int failed(struct tls *tls, int alert, int reason)
{
    unsigned long error = ERR_PACK(ERR_LIB_SSL, 0, reason);

    tls->error = error;
    return tls_refuse(tls, alert, ERR_reason_error_string(error));
}

/* What a client of TLS 1.2 said in one record with its Finished is said to the open
 * session, which comes to no good. */
static void deliver_rest(struct tls *tls, const struct buffer *messages)
{
    if (buffer_len(messages) > 0)
        (void)tls_on_handshake(
            tls, (const unsigned char *)buffer_data(messages), buffer_len(messages));
}

static int opened(struct tls *tls)
{
    struct tls_express *express = tls->express;

    tls->outcome = tls_outcome_of_express(express->handshake);
    tls->express = NULL;
    deliver_rest(tls, &express->messages);
    tls_express_free(express);
    tls->open = true;
    tls->barren = 0;
    buffer_destroy(&tls->hello);
    return TLS_OPENED;
}

/* The first message as soon as its header is there; 0: it is not whole. */
static size_t next_message(struct tls_express *express)
{
    const unsigned char *bytes = (const unsigned char *)buffer_data(&express->messages);
    size_t have = buffer_len(&express->messages), len;

    if (have < TLS_MESSAGE_HEADER)
        return 0;
    len = (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (!express->expected && !handshake_expects(express->handshake, bytes[0], len))
        return 0;
    express->expected = true;
    return have >= TLS_MESSAGE_HEADER + len ? TLS_MESSAGE_HEADER + len : 0;
}

static void take_messages(struct tls_express *express)
{
    struct handshake *handshake = express->handshake;
    size_t len;

    while (handshake->state == HANDSHAKE_AWAITS_CLIENT &&
        (len = next_message(express)) > 0) {
        express->expected = false;
        handshake_message(handshake,
            (const unsigned char *)buffer_data(&express->messages), len,
            buffer_len(&express->messages) == len);
        buffer_consume(&express->messages, len);
    }
}

/* As far as it goes without more input. 0: it needs some. */
static int advance(struct tls *tls)
{
    struct handshake *handshake = tls->express->handshake;

    while (handshake->state == HANDSHAKE_AWAITS_KEYS &&
        handshake_keys_are_ready(handshake)) {
        handshake_go_on(handshake);
        take_messages(tls->express);
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

int tls_express_read(struct tls *tls, char *plain, size_t capacity)
{
    int event;

    tls->keys_ready = false;
    event = advance(tls);
    return event != 0 ? event : tls_records_read(tls, plain, capacity);
}

static int deliver_messages(struct tls *tls, const unsigned char *bytes, size_t len)
{
    if (len == 0 && tls->records->tls13)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_BAD_LENGTH);
    buffer_append(&tls->express->messages, bytes, len);
    take_messages(tls->express);
    return advance(tls);
}

/* Of TLS 1.3, see RFC 8446, 5; of TLS 1.2 it stands where the handshake expects it, or
 * else it is refused there. */
static int deliver_change(struct tls *tls, const unsigned char *bytes, size_t len)
{
    struct tls_express *express = tls->express;
    bool well_formed = len == 1 && bytes[0] == 1;

    if (!tls->records->tls13) {
        if (!well_formed || buffer_len(&express->messages) > 0)
            return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_BAD_CHANGE_CIPHER_SPEC);
        handshake_change_cipher_spec(express->handshake);
        return advance(tls);
    }
    if (!well_formed)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_INVALID_CCS_MESSAGE);
    if (++express->changes > CHANGES_MAX)
        return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_CCS_MESSAGE);
    return 0;
}

int tls_express_deliver(struct tls *tls, int type, const unsigned char *plain, size_t len)
{
    struct tls_express *express = tls->express;

    express->empty = len > 0 ? 0 : express->empty + 1;
    if (express->empty > EMPTY_MAX)
        return tls_refuse_flood(tls);
    if (type == SSL3_RT_HANDSHAKE)
        return deliver_messages(tls, plain, len);
    if (type == SSL3_RT_CHANGE_CIPHER_SPEC)
        return deliver_change(tls, plain, len);
    if (tls->records->tls13 && buffer_len(&express->messages) > 0)
        return failed(
            tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_MIXED_HANDSHAKE_AND_NON_HANDSHAKE_DATA);
    if (type == SSL3_RT_ALERT)
        return tls_on_alert(tls, plain, len);
    return failed(tls, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_RECORD);
}

/* A client that refuses our certificate has no keys yet. */
bool tls_express_allows_clear(const struct tls *tls, int type)
{
    return tls->express != NULL &&
        (type == SSL3_RT_CHANGE_CIPHER_SPEC ||
            (type == SSL3_RT_ALERT && tls->records->in.sequence == 0));
}

const char *tls_express_host_name(const struct tls *tls)
{
    return tls->express->handshake->host_name;
}

SSL_CTX *tls_express_context(const struct tls *tls)
{
    return tls->express->handshake->context;
}
