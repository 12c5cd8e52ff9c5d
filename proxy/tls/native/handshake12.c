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
#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/signing_request.h"
#include "proxy/tls/native/handshake12_session.h"
#include "proxy/tls/native/handshake_version.h"
#include "proxy/tls/native/messages12.h"

enum {
    FIXED_NONCE = 4, /* RFC 5288, 3 */
};

enum { KEY_BLOCK_12_MAX = 2 * (RECORD_KEY_MAX + RECORD_NONCE) };

/* The data needed until the server's first flight of a full handshake is complete. */
struct flight_12 {
    struct signing_request signing;
    const struct shown *shown;
    unsigned char hello[SERVER_HELLO_12_MAX];
    size_t hello_len;
    unsigned char parameters[PARAMETERS_12_MAX];
    size_t parameters_len;
};

struct handshake12 {
    struct handshake common;
    bool gives_ticket;
    struct ticket session; /* its secret is the master secret */
    struct digest_key master; /* the master secret, ready to derive from */
    struct digest_state transcript;
    unsigned char client_random[RANDOM_12], server_random[RANDOM_12];
    unsigned char salt[TICKET_SALT];
    struct flight_12 *flight; /* NULL: the flight has been sent */
    struct key_exchange_key own, peer;
    struct operation derivation;
    unsigned char premaster[KEY_EXCHANGE_SECRET_MAX];
    unsigned char block[KEY_BLOCK_12_MAX];
    unsigned char expected[VERIFY_DATA_12]; /* the client's verify_data */
};

static struct handshake12 *of(struct handshake *handshake)
{
    return (struct handshake12 *)(void *)handshake;
}

static bool fail_inside(struct handshake12 *h)
{
    return handshake_fail(&h->common, SSL_AD_INTERNAL_ERROR, ERR_R_INTERNAL_ERROR);
}

/* One call for both, because most of the cost of random bytes is the call. */
static bool draw(struct handshake12 *h)
{
    unsigned char bytes[RANDOM_12 + TICKET_SALT];

    if (RAND_bytes_ex(engine_libctx(), bytes, sizeof(bytes), 0) != 1)
        return false;
    memcpy(h->server_random, bytes, RANDOM_12);
    memcpy(h->salt, bytes + RANDOM_12, TICKET_SALT);
    if (h->common.policy->allows_13)
        mark_downgrade_12(h->server_random);
    return true;
}

static struct handshake12 *make(
    const struct handshake_start *start, const struct suite *suite)
{
    const struct hello *hello = start->hello;
    struct handshake12 *h = memory_new(sizeof(*h));

    handshake_init(&h->common, &handshake_12, start);
    h->common.suite = suite;
    h->derivation.done = true; /* so that it is not withdrawn */
    memcpy(h->client_random, hello->random, RANDOM_12);
    digest_begin(&h->transcript, suite->digest);
    digest_add(&h->transcript, hello->message.at, hello->message.len);
    if (!draw(h))
        (void)fail_inside(h);
    return h;
}

/* Our sessions have no id. A resumed one gets the client's id, whatever it is: by this
 * the client sees that its ticket was accepted (RFC 5077, 3.4). */
static struct server_hello_12 answer(
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

static bool send_messages(
    struct handshake12 *h, const unsigned char *messages, size_t len)
{
    digest_add(&h->transcript, messages, len);
    return h->common.output->messages(h->common.output, messages, len) || fail_inside(h);
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

static void make_keys(struct handshake12 *h)
{
    const struct suite *suite = h->common.suite;
    size_t len = 2 * (record_key_len(suite->cipher) + iv_len(suite));

    digest_key_init(&h->master, suite->digest, h->session.secret, MASTER_12);
    key_block_12(&h->master, h->client_random, h->server_random, h->block, len);
}

static void expect_finished(struct handshake12 *h)
{
    unsigned char messages[DIGEST_MAX];

    digest_so_far(&h->transcript, messages);
    verify_data_12(&h->master, true, messages, h->expected);
}

/* A resumed session keeps its lifetime, which is not sent again: RFC 5077, 3.3, lets 0
 * stand for that. An empty ticket is sent if the ticket keys have gone since the hello
 * promised one. */
static bool send_ticket(struct handshake12 *h)
{
    const struct ticket_keys *keys = h->common.policy->agreed->tickets;
    uint64_t now = handshake_now();
    size_t len = ticket_is_possible(keys, now) ? TICKET_LEN : 0;
    uint32_t lifetime = h->common.resumed || len == 0 ? 0 : ticket_lifetime(keys);
    unsigned char sealed[TICKET_LEN], message[MESSAGE_HEADER_12 + 6 + TICKET_LEN];

    if (len > 0 && !ticket_seal(keys, &h->session, h->salt, sealed))
        return fail_inside(h);
    return send_messages(
        h, message, new_session_ticket_12(lifetime, sealed, len, message));
}

static bool send_finished(struct handshake12 *h)
{
    unsigned char messages[DIGEST_MAX], data[VERIFY_DATA_12], message[FINISHED_12];

    digest_so_far(&h->transcript, messages);
    verify_data_12(&h->master, false, messages, data);
    return send_messages(h, message, finished_12(data, message));
}

static bool finish(struct handshake12 *h)
{
    struct handshake_output *output = h->common.output;
    const struct handshake_keys keys = keys_of(h, false);

    if (h->gives_ticket && !send_ticket(h))
        return false;
    if (!output->change_cipher_spec(output) || !output->keys_out(output, &keys))
        return fail_inside(h);
    return send_finished(h);
}

/* ---- a full handshake: the server's first flight waits for its signature, and the
 * messages after the client's key exchange wait for the secret ---- */

/* A client with the extension gets a ticket, whether it sent one or not. */
static void plan_session(struct handshake12 *h, const struct handshake_start *start)
{
    h->gives_ticket = start->hello->ticket.at != NULL &&
        ticket_is_possible(start->policy->agreed->tickets, handshake_now());
    h->session = (struct ticket){.version = VERSION_12,
        .suite = h->common.suite->id,
        .group = (uint16_t)h->common.group->tls_id,
        .secret_len = MASTER_12};
    handshake_bind_session(&h->common, &h->session.bond);
}

static bool submit_signature(struct handshake12 *h)
{
    struct flight_12 *flight = h->flight;
    const struct scheme *scheme = h->common.scheme;
    const struct digest_part parts[] = {{h->client_random, RANDOM_12},
        {h->server_random, RANDOM_12}, {flight->parameters, flight->parameters_len}};

    if (!digest_parts(scheme->digest, parts, 3, flight->signing.hash) ||
        !signing_request_init(
            &flight->signing, flight->shown->key, scheme->digest, scheme->pss))
        return false;
    handshake_submit(&h->common, &flight->signing.operation);
    return true;
}

static bool begin_flight(
    struct handshake12 *h, const struct handshake_start *start, const struct shown *shown)
{
    struct flight_12 *flight = memory_new(sizeof(*flight));
    struct server_hello_12 hello = answer(h, start);

    h->flight = flight;
    flight->signing.operation.done = true; /* there is nothing to withdraw */
    flight->shown = shown;
    flight->hello_len = server_hello_12(&hello, flight->hello);
    if (!key_pool_take(h->common.group, &h->own))
        return false;
    flight->parameters_len =
        exchange_parameters_12(h->common.group, &h->own, flight->parameters);
    return submit_signature(h);
}

static struct handshake *begin_full(const struct handshake_start *start)
{
    const struct hello *hello = start->hello;
    const struct suite *suite = policy_suite_12(start->policy, start->shown, hello);
    const struct key_exchange_group *group = policy_group_12(start->policy, hello);
    const struct scheme *scheme = NULL;
    const struct shown *shown;

    if (suite == NULL || group == NULL || !hello->extended_master_secret ||
        (shown = policy_certificate_12(start->shown, hello, suite, &scheme)) == NULL)
        return NULL;
    struct handshake12 *h = make(start, suite);
    h->common.group = group;
    h->common.scheme = scheme;
    plan_session(h, start);
    if (h->common.state != HANDSHAKE_FAILED && !begin_flight(h, start, shown))
        (void)fail_inside(h);
    return &h->common;
}

static void end_flight(struct handshake12 *h)
{
    if (h->flight == NULL)
        return;
    operation_withdraw(&h->flight->signing.operation);
    OPENSSL_cleanse(h->flight, sizeof(*h->flight));
    free(h->flight);
    h->flight = NULL;
}

static bool send_key_exchange(struct handshake12 *h)
{
    const struct flight_12 *flight = h->flight;
    unsigned char messages[SERVER_KEY_EXCHANGE_12_MAX + SERVER_HELLO_DONE_12];
    size_t len = server_key_exchange_12(flight->parameters, flight->parameters_len,
        h->common.scheme->id, flight->signing.signature,
        flight->signing.operation.job.signing.signature_len, messages);

    len += server_hello_done_12(messages + len);
    return send_messages(h, messages, len);
}

static bool on_signature(struct handshake12 *h)
{
    const struct flight_12 *flight = h->flight;

    if (!operation_succeeded(&flight->signing.operation))
        return fail_inside(h);
    if (!send_messages(h, flight->hello, flight->hello_len) ||
        !send_messages(h, flight->shown->message_12, flight->shown->message_12_len) ||
        !send_key_exchange(h))
        return false;
    end_flight(h);
    return true;
}

static void submit_derivation(struct handshake12 *h)
{
    const struct key_exchange_group *group = h->common.group;

    h->derivation.kind = (enum operation_kind)(group - key_exchange_groups);
    h->derivation.job.exchange = (struct key_exchange_job){
        .own = &h->own, .peer = &h->peer, .secret = h->premaster};
    handshake_step(&h->common, MACHINE_CLIENT_KEY_EXCHANGE);
    handshake_submit(&h->common, &h->derivation);
}

/* RFC 8422, 5.7. */
static void on_key_exchange(
    struct handshake12 *h, const unsigned char *message, size_t len)
{
    const unsigned char *point;
    size_t point_len;

    if (len == MESSAGE_HEADER_12)
        (void)handshake_fail(
            &h->common, SSL_AD_HANDSHAKE_FAILURE, SSL_R_MISSING_TMP_ECDH_KEY);
    else if (!client_key_exchange_12(message + MESSAGE_HEADER_12, len - MESSAGE_HEADER_12,
                 &point, &point_len))
        (void)handshake_fail(&h->common, SSL_AD_DECODE_ERROR, SSL_R_LENGTH_MISMATCH);
    else if (!key_exchange_decode(h->common.group, &h->peer, point, point_len))
        (void)handshake_fail(&h->common, SSL_AD_ILLEGAL_PARAMETER, SSL_R_BAD_ECPOINT);
    else {
        digest_add(&h->transcript, message, len);
        submit_derivation(h);
    }
}

static bool on_secret(struct handshake12 *h)
{
    const struct digest *digest = h->common.suite->digest;
    const struct digest_part premaster = {h->premaster, h->common.group->secret_len};
    unsigned char messages[DIGEST_MAX];

    if (!operation_succeeded(&h->derivation))
        return handshake_fail(&h->common, SSL_AD_ILLEGAL_PARAMETER, SSL_R_BAD_ECPOINT);
    digest_so_far(&h->transcript, messages);
    master_secret_12(digest, premaster, messages, h->session.secret);
    OPENSSL_cleanse(h->premaster, sizeof(h->premaster));
    OPENSSL_cleanse(&h->own, sizeof(h->own));
    make_keys(h);
    expect_finished(h);
    return true;
}

static void go_on(struct handshake *handshake)
{
    struct handshake12 *h = of(handshake);

    if (handshake->machine == MACHINE_TLS12_AWAIT_SIGNATURE ? on_signature(h)
                                                            : on_secret(h))
        handshake_step(handshake, MACHINE_KEYS_READY);
}

/* ---- a resumed handshake: the server's whole part is sent at once ---- */

static bool send_hello(struct handshake12 *h, const struct handshake_start *start)
{
    unsigned char message[SERVER_HELLO_12_MAX];
    struct server_hello_12 hello = answer(h, start);

    return send_messages(h, message, server_hello_12(&hello, message));
}

static void resume(struct handshake12 *h, const struct handshake_start *start)
{
    h->common.resumed = true;
    h->common.group = handshake12_session_group(&h->session);
    make_keys(h);
    if (!send_hello(h, start) || !finish(h))
        return;
    expect_finished(h);
    handshake_step(&h->common, MACHINE_SESSION_RESUMED);
}

/* A resuming client's hello must still offer what its first handshake had (RFC 7627, 5.3;
 * RFC 5246, 7.4.1.2). */
static bool is_consistent(struct handshake12 *h, const struct hello *hello)
{
    if (!hello->extended_master_secret)
        return handshake_fail(
            &h->common, SSL_AD_HANDSHAKE_FAILURE, SSL_R_INCONSISTENT_EXTMS);
    return hello_lists(hello->suites, h->session.suite) ||
        handshake_fail(
            &h->common, SSL_AD_ILLEGAL_PARAMETER, SSL_R_REQUIRED_CIPHER_MISSING);
}

static struct handshake *begin_resumed(const struct handshake_start *start)
{
    struct ticket session;
    enum ticket_verdict verdict = handshake12_find_session(start, &session);
    const struct suite *suite =
        verdict == TICKET_UNKNOWN ? NULL : suite_find(session.suite);

    if (suite == NULL)
        return NULL;
    struct handshake12 *h = make(start, suite);
    h->session = session;
    h->gives_ticket = verdict == TICKET_OPENED_BY_OLD_KEY;
    ticket_wipe(&session);
    if (h->common.state != HANDSHAKE_FAILED && is_consistent(h, start->hello))
        resume(h, start);
    return &h->common;
}

/* ---- messages of the client, and the end ---- */

/* pre_shared_key belongs to TLS 1.3; OpenSSL judges one that comes without the rest of
 * that version. */
static struct handshake *begin(const struct handshake_start *start)
{
    struct handshake *handshake;

    if (start->hello->identities.at != NULL)
        return NULL;
    handshake = begin_resumed(start);
    return handshake != NULL ? handshake : begin_full(start);
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
    if (h->common.resumed || finish(h))
        handshake_step(&h->common, MACHINE_FINISHED);
}

static void on_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends)
{
    (void)ends; /* keys change with ChangeCipherSpec, which is a record of its own */
    if (handshake->machine == MACHINE_TLS12_AWAIT_KEY_EXCHANGE)
        on_key_exchange(of(handshake), message, len);
    else
        on_finished(of(handshake), message, len);
}

static void on_change_cipher_spec(struct handshake *handshake)
{
    struct handshake12 *h = of(handshake);
    const struct handshake_keys keys = keys_of(h, true);

    handshake_step(handshake, MACHINE_CHANGE_CIPHER_SPEC);
    if (!handshake->output->keys_in(handshake->output, &keys))
        (void)fail_inside(h);
}

static void release(struct handshake *handshake)
{
    struct handshake12 *h = of(handshake);

    operation_withdraw(&h->derivation);
    end_flight(h);
    OPENSSL_cleanse(h, sizeof(*h));
    free(h);
}

const struct handshake_version handshake_12 = {
    .first = MACHINE_TLS12_AWAIT_SIGNATURE,
    .begin = begin,
    .go_on = go_on,
    .message = on_message,
    .change_cipher_spec = on_change_cipher_spec,
    .free = release,
};
