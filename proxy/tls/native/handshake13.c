/* TLS 1.3: a full handshake, or one resumed by a ticket, always with (EC)DHE (RFC 8446, 2
 * and 4.4). The signature does not need the shared secret, so that both operations run at
 * the same time. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/signing_request.h"
#include "proxy/tls/native/handshake13_session.h"
#include "proxy/tls/native/handshake_version.h"
#include "proxy/tls/native/messages13.h"
#include "proxy/tls/native/schedule.h"
#include "proxy/tls/native/ticket.h"

/* The data needed until the server's flight has been sent. */
struct flight_13 {
    const struct shown *shown; /* NULL: resumed */
    struct key_exchange_key own, peer;
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX]; /* the shared secret */
    struct operation derivation;
    struct signing_request signing;
    struct schedule schedule; /* resumed: at its Early Secret */
    struct digest_state transcript;
    unsigned char after_hello[DIGEST_MAX]; /* transcript up to ServerHello */
    unsigned char hello[SERVER_HELLO_13_MAX];
    unsigned char extensions[EXTENSIONS_13_MAX];
    size_t hello_len, extensions_len;
    size_t identity; /* resumed: index of the client's identity */
    bool compatible; /* a ChangeCipherSpec is sent for middleboxes */
};

struct handshake13 {
    struct handshake common;
    struct flight_13 *flight; /* NULL: it has been sent */
    unsigned char expected[DIGEST_MAX]; /* in the client's Finished */
    unsigned char client_secret[DIGEST_MAX]; /* for its data */
    bool gives_ticket;
    struct ticket ticket; /* the ticket it will get */
    unsigned char salt[TICKET_SALT]; /* of the ticket */
};

static struct handshake13 *of(struct handshake *handshake)
{
    return (struct handshake13 *)(void *)handshake;
}

static void end_flight(struct handshake13 *h)
{
    if (h->flight == NULL)
        return;
    operation_withdraw(&h->flight->derivation);
    operation_withdraw(&h->flight->signing.operation);
    OPENSSL_cleanse(h->flight, sizeof(*h->flight));
    free(h->flight);
    h->flight = NULL;
}

static void free_all(struct handshake *handshake)
{
    struct handshake13 *h = of(handshake);

    end_flight(h);
    OPENSSL_cleanse(h, sizeof(*h));
    free(h);
}

static bool fail_inside(struct handshake13 *h)
{
    return handshake_fail(&h->common, SSL_AD_INTERNAL_ERROR, ERR_R_INTERNAL_ERROR);
}

/* ---- the beginning: all that is known before the key operations are done ---- */

static struct handshake13 *make(const struct handshake_start *start)
{
    struct handshake13 *h = memory_new(sizeof(*h));

    h->flight = memory_new(sizeof(*h->flight));
    handshake_init(&h->common, &handshake_13, start);
    h->flight->derivation.done = h->flight->signing.operation.done = true;
    return h;
}

/* Finds suite, group and the client's share. Without a share the handshake is left to
 * OpenSSL. */
static bool agree(struct handshake13 *h, const struct handshake_start *start)
{
    const struct hello *hello = start->hello;
    struct bytes share;

    h->common.suite = policy_suite_13(start->policy, hello);
    h->common.group = policy_share(start->policy, hello, &share);
    return h->common.suite != NULL && h->common.group != NULL &&
        key_exchange_decode(h->common.group, &h->flight->peer, share.at, share.len);
}

/* False if the client accepts none of our certificates. */
static bool choose_session(struct handshake13 *h, const struct handshake_start *start)
{
    struct session_13 session;

    if (start->hello->identities.at != NULL &&
        handshake13_find_session(&h->common, start, &h->flight->schedule, &session)) {
        h->common.resumed = true;
        h->flight->identity = session.identity;
        /* A renewed ticket keeps the time of the first handshake. */
        h->ticket.bond = session.bond;
        return true;
    }
    if (h->common.state == HANDSHAKE_FAILED)
        return true;
    schedule_begin(&h->flight->schedule, h->common.suite->digest, NULL);
    h->flight->shown =
        policy_certificate_13(start->shown, start->hello, &h->common.scheme);
    return h->flight->shown != NULL;
}

/* One call for all, because most of the cost of random bytes is the call. */
static bool draw(struct handshake13 *h, unsigned char random[RANDOM_13])
{
    unsigned char bytes[RANDOM_13 + TICKET_SALT + sizeof(h->ticket.age_add)];

    if (RAND_bytes_ex(engine_libctx(), bytes, sizeof(bytes), 0) != 1)
        return false;
    memcpy(random, bytes, RANDOM_13);
    memcpy(h->salt, bytes + RANDOM_13, TICKET_SALT);
    memcpy(
        &h->ticket.age_add, bytes + RANDOM_13 + TICKET_SALT, sizeof(h->ticket.age_add));
    return true;
}

static bool submit_signature(struct handshake13 *h)
{
    struct flight_13 *f = h->flight;
    const struct digest *digest = h->common.suite->digest;
    const struct scheme *scheme = h->common.scheme;
    unsigned char messages[DIGEST_MAX];

    digest_add(&f->transcript, f->shown->message_13, f->shown->message_13_len);
    digest_so_far(&f->transcript, messages);
    hash_to_sign_13(scheme, digest, messages, f->signing.hash);
    if (!signing_request_init(&f->signing, f->shown->key, scheme->digest, scheme->pss))
        return false;
    handshake_submit(&h->common, &f->signing.operation);
    return true;
}

static void submit_derivation(struct handshake13 *h)
{
    struct flight_13 *f = h->flight;

    f->derivation.kind = (enum operation_kind)(h->common.group - key_exchange_groups);
    f->derivation.job.exchange =
        (struct key_exchange_job){.own = &f->own, .peer = &f->peer, .secret = f->secret};
    handshake_submit(&h->common, &f->derivation);
}

static void write_hello(struct handshake13 *h, const struct handshake_start *start,
    const unsigned char random[RANDOM_13])
{
    struct flight_13 *f = h->flight;
    const struct server_hello_13 hello = {.random = random,
        .session_id = start->hello->session_id,
        .suite = h->common.suite->id,
        .group = h->common.group,
        .own = &f->own,
        .resumed = h->common.resumed,
        .identity = f->identity};

    f->hello_len = server_hello_13(&hello, f->hello);
}

/* Prepares all that is known before the keys are, also the hash to sign. */
static bool prepare(struct handshake13 *h, const struct handshake_start *start)
{
    struct flight_13 *f = h->flight;
    unsigned char random[RANDOM_13];

    if (!key_pool_take(h->common.group, &f->own) || !draw(h, random))
        return false;
    h->gives_ticket = start->hello->psk_dhe_ke &&
        ticket_is_possible(start->policy->agreed->tickets, handshake_now());
    f->compatible = start->hello->session_id.len > 0;
    write_hello(h, start, random);
    f->extensions_len = encrypted_extensions_13(
        h->common.policy, h->common.group, h->common.protocol, f->extensions);
    digest_begin(&f->transcript, h->common.suite->digest);
    digest_add(&f->transcript, start->hello->message.at, start->hello->message.len);
    digest_add(&f->transcript, f->hello, f->hello_len);
    digest_so_far(&f->transcript, f->after_hello);
    digest_add(&f->transcript, f->extensions, f->extensions_len);
    submit_derivation(h);
    return h->common.resumed || submit_signature(h);
}

/* Returns false for an offer that OpenSSL would refuse, or answer by a HelloRetryRequest.
 */
static bool is_supported(const struct hello *hello)
{
    return hello->legacy_version == VERSION_12 && hello->only_null_compression &&
        hello->groups.at != NULL && hello->key_shares.at != NULL &&
        hello->signature_schemes.at != NULL &&
        (hello->identities.at == NULL || hello->has_psk_modes);
}

static struct handshake *begin(const struct handshake_start *start)
{
    struct handshake13 *h;

    if (!is_supported(start->hello))
        return NULL;
    h = make(start);
    if (agree(h, start) && choose_session(h, start)) {
        if (h->common.state != HANDSHAKE_FAILED && !prepare(h, start))
            (void)fail_inside(h);
        return &h->common;
    }
    handshake_free(&h->common);
    return NULL;
}

/* ---- the server's flight, when the operations are done ---- */

static struct handshake_keys keys_of(
    const struct handshake13 *h, const unsigned char *secret)
{
    return (struct handshake_keys){.suite = h->common.suite, .secret = secret};
}

static bool keys_out(struct handshake13 *h, const unsigned char *secret)
{
    struct handshake_output *output = h->common.output;
    struct handshake_keys keys = keys_of(h, secret);

    return output->keys_out(output, &keys) || fail_inside(h);
}

static bool keys_in(struct handshake13 *h, const unsigned char *secret)
{
    struct handshake_output *output = h->common.output;
    struct handshake_keys keys = keys_of(h, secret);

    return output->keys_in(output, &keys) || fail_inside(h);
}

static bool send_messages(struct handshake13 *h, const void *bytes, size_t len)
{
    struct handshake_output *output = h->common.output;

    return output->messages(output, bytes, len) || fail_inside(h);
}

static bool send_hello(struct handshake13 *h)
{
    struct handshake_output *output = h->common.output;

    return send_messages(h, h->flight->hello, h->flight->hello_len) &&
        (!h->flight->compatible || output->change_cipher_spec(output) || fail_inside(h));
}

static void append_proof(struct handshake13 *h, struct buffer *messages)
{
    struct flight_13 *f = h->flight;
    const struct signing_job *job = &f->signing.operation.job.signing;
    unsigned char message[VERIFY_13_MAX];
    size_t len = certificate_verify_13(
        h->common.scheme->id, job->signature, job->signature_len, message);

    digest_add(&f->transcript, message, len);
    buffer_append(messages, f->shown->message_13, f->shown->message_13_len);
    buffer_append(messages, message, len);
}

static void append_finished(
    struct handshake13 *h, const unsigned char *secret, struct buffer *messages)
{
    struct flight_13 *f = h->flight;
    const struct digest *digest = h->common.suite->digest;
    unsigned char so_far[DIGEST_MAX], data[DIGEST_MAX], message[FINISHED_13_MAX];
    size_t len;

    digest_so_far(&f->transcript, so_far);
    schedule_verify_data(digest, secret, so_far, data);
    len = finished_13(data, digest->len, message);
    digest_add(&f->transcript, message, len);
    buffer_append(messages, message, len);
}

/* Sends EncryptedExtensions to Finished in as few records as possible. */
static bool send_rest(struct handshake13 *h, const unsigned char *secret)
{
    struct flight_13 *f = h->flight;
    struct buffer messages = {0};
    size_t proof_len = f->shown != NULL ? f->shown->message_13_len + VERIFY_13_MAX : 0;
    bool sent;

    (void)buffer_reserve(&messages, f->extensions_len + proof_len + FINISHED_13_MAX);
    buffer_append(&messages, f->extensions, f->extensions_len);
    if (f->shown != NULL)
        append_proof(h, &messages);
    append_finished(h, secret, &messages);
    sent = send_messages(h, buffer_data(&messages), buffer_len(&messages));
    buffer_destroy(&messages);
    return sent;
}

/* The client's Finished can be computed before it comes, and so can everything derived
 * from it: the rest of the transcript is not kept. */
static void expect_finished(struct handshake13 *h, const unsigned char *client_secret,
    const unsigned char *after_server)
{
    static const unsigned char nonce[TICKET_NONCE_13];
    struct flight_13 *f = h->flight;
    const struct digest *digest = h->common.suite->digest;
    unsigned char message[FINISHED_13_MAX], all[DIGEST_MAX], secret[DIGEST_MAX];

    schedule_verify_data(digest, client_secret, after_server, h->expected);
    digest_add(&f->transcript, message, finished_13(h->expected, digest->len, message));
    if (!h->gives_ticket)
        return;
    digest_so_far(&f->transcript, all);
    schedule_derive(&f->schedule, "res master", all, secret);
    schedule_psk(digest, secret, nonce, sizeof(nonce), h->ticket.secret);
    h->ticket.secret_len = (uint8_t)digest->len;
    OPENSSL_cleanse(secret, sizeof(secret));
}

struct secrets_13 {
    unsigned char client_handshake[DIGEST_MAX], server_handshake[DIGEST_MAX];
    unsigned char server_data[DIGEST_MAX], after_server[DIGEST_MAX];
};

static bool send_flight(struct handshake13 *h, struct secrets_13 *secrets)
{
    struct flight_13 *f = h->flight;
    struct schedule *schedule = &f->schedule;

    schedule_enter(schedule, f->secret, h->common.group->secret_len);
    schedule_derive(schedule, "c hs traffic", f->after_hello, secrets->client_handshake);
    schedule_derive(schedule, "s hs traffic", f->after_hello, secrets->server_handshake);
    if (!send_hello(h) || !keys_out(h, secrets->server_handshake) ||
        !send_rest(h, secrets->server_handshake))
        return false;
    digest_so_far(&f->transcript, secrets->after_server);
    schedule_enter(schedule, NULL, 0);
    schedule_derive(schedule, "c ap traffic", secrets->after_server, h->client_secret);
    schedule_derive(
        schedule, "s ap traffic", secrets->after_server, secrets->server_data);
    expect_finished(h, secrets->client_handshake, secrets->after_server);
    return keys_out(h, secrets->server_data) && keys_in(h, secrets->client_handshake);
}

static void go_on(struct handshake *handshake)
{
    struct handshake13 *h = of(handshake);
    struct secrets_13 secrets;

    if (!operation_succeeded(&h->flight->derivation)) {
        (void)handshake_fail(handshake, SSL_AD_ILLEGAL_PARAMETER, SSL_R_BAD_ECPOINT);
        return;
    }
    if (h->flight->shown != NULL && !operation_succeeded(&h->flight->signing.operation)) {
        (void)fail_inside(h);
        return;
    }
    if (send_flight(h, &secrets))
        handshake_step(handshake, MACHINE_KEYS_READY);
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    end_flight(h);
}

/* ---- the client's Finished, and its ticket ---- */

static bool send_ticket(struct handshake13 *h)
{
    static const unsigned char nonce[TICKET_NONCE_13];
    struct ticket *ticket = &h->ticket;
    unsigned char sealed[TICKET_LEN], message[NEW_TICKET_13];
    uint32_t lifetime;

    ticket->version = VERSION_13;
    ticket->suite = h->common.suite->id;
    ticket->group = (uint16_t)h->common.group->tls_id;
    if (!h->common.resumed)
        handshake_bind_session(&h->common, &ticket->bond);
    lifetime = session_seconds_left(
        &ticket->bond, context_policy(h->common.shown), handshake_now());
    if (!ticket_seal(h->common.policy->agreed->tickets, ticket, h->salt, sealed))
        return fail_inside(h);
    return send_messages(h, message,
        new_session_ticket_13(lifetime, ticket->age_add, nonce, sealed, message));
}

static bool check_finished(
    struct handshake13 *h, const unsigned char *message, size_t len, bool ends)
{
    size_t expected_len = h->common.suite->digest->len;

    if (!ends)
        return handshake_fail(
            &h->common, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_NOT_ON_RECORD_BOUNDARY);
    if (len != MESSAGE_HEADER_13 + expected_len)
        return handshake_fail(&h->common, SSL_AD_DECODE_ERROR, SSL_R_BAD_DIGEST_LENGTH);
    return CRYPTO_memcmp(message + MESSAGE_HEADER_13, h->expected, expected_len) == 0 ||
        handshake_fail(&h->common, SSL_AD_DECRYPT_ERROR, SSL_R_DIGEST_CHECK_FAILED);
}

static void on_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends)
{
    struct handshake13 *h = of(handshake);

    if (!check_finished(h, message, len, ends) || !keys_in(h, h->client_secret))
        return;
    /* The ticket keys may have been rotated away meanwhile. */
    if (h->gives_ticket &&
        ticket_is_possible(handshake->policy->agreed->tickets, handshake_now()) &&
        !send_ticket(h))
        return;
    handshake_step(handshake, MACHINE_FINISHED);
}

const struct handshake_version handshake_13 = {
    .first = MACHINE_TLS13_AWAIT_KEYS,
    .begin = begin,
    .go_on = go_on,
    .message = on_message,
    .free = free_all,
};
