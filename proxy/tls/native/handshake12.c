/* TLS 1.2: ECDHE with a certificate, or resumed by a ticket (RFC 5246, 7.3; RFC 8422, 2;
 * RFC 5077, 3.1), always with the extended master secret (RFC 7627). */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/tls/native/handshake12_parts.h"

enum {
    CLIENT_KEY_EXCHANGE = 16,
    FINISHED = 20,
    KEY_EXCHANGE_MAX = 2048, /* OpenSSL's limits */
    FINISHED_MAX = 64,
    FIXED_NONCE = 4, /* RFC 5288, 3 */
};

bool handshake12_fail_inside(struct handshake12 *h)
{
    return handshake_fail(&h->common, SSL_AD_INTERNAL_ERROR, ERR_R_INTERNAL_ERROR);
}

/* RFC 8446, 4.1.3: a client that could have had TLS 1.3 finds out. */
static void mark_downgrade(unsigned char random[RANDOM_12])
{
    static const unsigned char mark[] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};

    memcpy(random + RANDOM_12 - sizeof(mark), mark, sizeof(mark));
}

/* One call for both: most of the price of random bytes is the call. */
static bool draw(struct handshake12 *h)
{
    unsigned char bytes[RANDOM_12 + TICKET_SALT];

    if (RAND_bytes_ex(engine_libctx(), bytes, sizeof(bytes), 0) != 1)
        return false;
    memcpy(h->server_random, bytes, RANDOM_12);
    memcpy(h->salt, bytes + RANDOM_12, TICKET_SALT);
    if (h->common.policy->allows_13)
        mark_downgrade(h->server_random);
    return true;
}

struct handshake12 *handshake12_new(
    const struct handshake_start *start, const struct suite *suite)
{
    const struct hello *hello = start->hello;
    struct handshake12 *h = memory_new(sizeof(*h));

    handshake_init(&h->common, &handshake_12, start);
    h->common.suite = suite;
    h->derivation.done = true; /* or else it could be withdrawn */
    memcpy(h->client_random, hello->random, RANDOM_12);
    digest_begin(&h->transcript, suite->digest);
    digest_add(&h->transcript, hello->message.at, hello->message.len);
    if (!draw(h))
        (void)handshake12_fail_inside(h);
    return h;
}

/* A session of ours has no number; one that is resumed has the client's, whatever that
 * may be: it is how the client sees that its ticket was taken (RFC 5077, 3.4). */
struct server_hello_12 handshake12_answer(
    const struct handshake12 *h, const struct handshake_start *start)
{
    const struct hello *hello = start->hello;
    const char *protocol = start->protocol;

    return (struct server_hello_12){.random = h->server_random,
        .session_id = hello->session_id.at,
        .session_id_len = h->common.resumed ? hello->session_id.len : 0,
        .suite = h->common.suite->id,
        .renegotiation = hello->secure_renegotiation,
        .point_formats = hello->point_formats && !h->common.resumed, /* RFC 8422, 4 */
        .ticket = h->gives_ticket,
        .extended_master_secret = hello->extended_master_secret,
        .alpn = (const unsigned char *)protocol,
        .alpn_len = protocol != NULL ? strlen(protocol) : 0};
}

bool handshake12_send(struct handshake12 *h, const unsigned char *messages, size_t len)
{
    digest_add(&h->transcript, messages, len);
    return h->common.output->messages(h->common.output, messages, len) ||
        handshake12_fail_inside(h);
}

static size_t iv_len(const struct suite *suite)
{
    return suite->cipher == RECORD_CHACHA20_POLY1305 ? RECORD_NONCE : FIXED_NONCE;
}

/* RFC 5246, 6.3: the client's key, ours, the client's IV, ours. */
static struct handshake_keys keys_of(const struct handshake12 *h, bool client)
{
    const struct suite *suite = h->common.suite;
    size_t key_len = record_key_len(suite->cipher);
    const unsigned char *ivs = h->block + 2 * key_len;

    return (struct handshake_keys){.suite = suite,
        .key = client ? h->block : h->block + key_len,
        .iv = client ? ivs : ivs + iv_len(suite)};
}

void handshake12_make_keys(struct handshake12 *h)
{
    const struct suite *suite = h->common.suite;
    size_t len = 2 * (record_key_len(suite->cipher) + iv_len(suite));

    digest_key_init(&h->master, suite->digest, h->session.secret, MASTER_12);
    key_block_12(&h->master, h->client_random, h->server_random, h->block, len);
}

void handshake12_expect_finished(struct handshake12 *h)
{
    unsigned char messages[DIGEST_MAX];

    digest_so_far(&h->transcript, messages);
    verify_data_12(&h->master, true, messages, h->expected);
}

/* The lifetime of a session that goes on is what it was, and not told again: RFC 5077,
 * 3.3, lets 0 stand for that. And an empty ticket for none, for the keys may have gone
 * since the hello promised one. */
static bool send_ticket(struct handshake12 *h)
{
    const struct ticket_keys *keys = h->common.policy->agreed->tickets;
    uint64_t now = handshake_now();
    size_t len = ticket_is_possible(keys, now) ? TICKET_LEN : 0;
    uint32_t lifetime = h->common.resumed || len == 0 ? 0 : ticket_lifetime(keys);
    unsigned char sealed[TICKET_LEN], message[MESSAGE_HEADER_12 + 6 + TICKET_LEN];

    if (len > 0 && !ticket_seal(keys, &h->session, h->salt, sealed))
        return handshake12_fail_inside(h);
    return handshake12_send(
        h, message, new_session_ticket_12(lifetime, sealed, len, message));
}

static bool send_finished(struct handshake12 *h)
{
    unsigned char messages[DIGEST_MAX], data[VERIFY_DATA_12], message[FINISHED_12];

    digest_so_far(&h->transcript, messages);
    verify_data_12(&h->master, false, messages, data);
    return handshake12_send(h, message, finished_12(data, message));
}

bool handshake12_finish(struct handshake12 *h)
{
    struct handshake_output *output = h->common.output;
    const struct handshake_keys keys = keys_of(h, false);

    if (h->gives_ticket && !send_ticket(h))
        return false;
    if (!output->change_cipher_spec(output) || !output->keys_out(output, &keys))
        return handshake12_fail_inside(h);
    return send_finished(h);
}

/* A pre_shared_key is of TLS 1.3, and OpenSSL has its opinion of one that comes without
 * the rest of that. */
static struct handshake *begin(const struct handshake_start *start)
{
    struct handshake *handshake;

    if (start->hello->identities.at != NULL)
        return NULL;
    handshake = handshake12_begin_resumed(start);
    return handshake != NULL ? handshake : handshake12_begin_full(start);
}

static bool expects(struct handshake *handshake, unsigned char type, size_t len)
{
    enum phase_12 phase = handshake12_of(handshake)->phase;
    bool is_key_exchange = phase == AWAIT_KEY_EXCHANGE && type == CLIENT_KEY_EXCHANGE;

    if (!is_key_exchange && !(phase == AWAIT_FINISHED && type == FINISHED))
        return handshake_fail(
            handshake, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
    if (len > (is_key_exchange ? KEY_EXCHANGE_MAX : FINISHED_MAX))
        return handshake_fail(
            handshake, SSL_AD_ILLEGAL_PARAMETER, SSL_R_EXCESSIVE_MESSAGE_SIZE);
    return true;
}

static void on_finished(struct handshake12 *h, const unsigned char *message, size_t len)
{
    if (len != FINISHED_12) {
        (void)handshake_fail(&h->common, SSL_AD_DECODE_ERROR, SSL_R_BAD_DIGEST_LENGTH);
        return;
    }
    if (CRYPTO_memcmp(message + MESSAGE_HEADER_12, h->expected, VERIFY_DATA_12) != 0) {
        (void)handshake_fail(&h->common, SSL_AD_DECRYPT_ERROR, SSL_R_DIGEST_CHECK_FAILED);
        return;
    }
    digest_add(&h->transcript, message, len);
    if (h->common.resumed || handshake12_finish(h))
        h->common.state = HANDSHAKE_DONE;
}

static void on_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends)
{
    (void)ends; /* keys change with ChangeCipherSpec, a record for itself */
    if (handshake12_of(handshake)->phase == AWAIT_KEY_EXCHANGE)
        handshake12_on_key_exchange(handshake12_of(handshake), message, len);
    else
        on_finished(handshake12_of(handshake), message, len);
}

static void on_change_cipher_spec(struct handshake *handshake)
{
    struct handshake12 *h = handshake12_of(handshake);
    const struct handshake_keys keys = keys_of(h, true);

    if (h->phase != AWAIT_CHANGE_CIPHER_SPEC) {
        (void)handshake_fail(
            handshake, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
        return;
    }
    h->phase = AWAIT_FINISHED;
    if (!handshake->output->keys_in(handshake->output, &keys))
        (void)handshake12_fail_inside(h);
}

static void release(struct handshake *handshake)
{
    struct handshake12 *h = handshake12_of(handshake);

    operation_withdraw(&h->derivation);
    handshake12_end_flight(h);
    OPENSSL_cleanse(h, sizeof(*h));
    free(h);
}

const struct handshake_version handshake_12 = {
    begin, handshake12_go_on, expects, on_message, on_change_cipher_spec, release};
