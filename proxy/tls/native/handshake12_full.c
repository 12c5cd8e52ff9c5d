/* ECDHE with a certificate: the server's first flight waits for its signature, and what
 * comes after the client's key exchange for the secret. */
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/tls/native/handshake12_parts.h"

/* A client that has the extension gets a ticket, whatever it came with. */
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
    struct server_hello_12 hello = handshake12_answer(h, start);

    h->flight = flight;
    flight->signing.operation.done = true; /* there is nothing to be withdrawn */
    flight->shown = shown;
    flight->hello_len = server_hello_12(&hello, flight->hello);
    if (!key_pool_take(h->common.group, &h->own))
        return false;
    flight->parameters_len =
        exchange_parameters_12(h->common.group, &h->own, flight->parameters);
    return submit_signature(h);
}

struct handshake *handshake12_begin_full(const struct handshake_start *start)
{
    const struct hello *hello = start->hello;
    const struct suite *suite = policy_suite_12(start->policy, start->shown, hello);
    const struct key_exchange_group *group = policy_group_12(start->policy, hello);
    const struct scheme *scheme = NULL;
    const struct shown *shown;

    if (suite == NULL || group == NULL || !hello->extended_master_secret ||
        (shown = policy_certificate_12(start->shown, hello, suite, &scheme)) == NULL)
        return NULL;
    struct handshake12 *h = handshake12_new(start, suite);
    h->common.group = group;
    h->common.scheme = scheme;
    plan_session(h, start);
    if (h->common.state != HANDSHAKE_FAILED && !begin_flight(h, start, shown))
        (void)handshake12_fail_inside(h);
    return &h->common;
}

void handshake12_end_flight(struct handshake12 *h)
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
    return handshake12_send(h, messages, len);
}

static bool on_signature(struct handshake12 *h)
{
    const struct flight_12 *flight = h->flight;

    if (!operation_succeeded(&flight->signing.operation))
        return handshake12_fail_inside(h);
    if (!handshake12_send(h, flight->hello, flight->hello_len) ||
        !handshake12_send(h, flight->shown->message_12, flight->shown->message_12_len) ||
        !send_key_exchange(h))
        return false;
    handshake12_end_flight(h);
    h->phase = AWAIT_KEY_EXCHANGE;
    return true;
}

static void submit_derivation(struct handshake12 *h)
{
    const struct key_exchange_group *group = h->common.group;

    h->derivation.kind = (enum operation_kind)(group - key_exchange_groups);
    h->derivation.job.exchange = (struct key_exchange_job){
        .own = &h->own, .peer = &h->peer, .secret = h->premaster};
    h->phase = AWAIT_SECRET;
    h->common.state = HANDSHAKE_AWAITS_KEYS;
    handshake_submit(&h->common, &h->derivation);
}

/* RFC 8422, 5.7. */
void handshake12_on_key_exchange(
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
    h->phase = AWAIT_CHANGE_CIPHER_SPEC;
    handshake12_make_keys(h);
    handshake12_expect_finished(h);
    return true;
}

void handshake12_go_on(struct handshake *handshake)
{
    struct handshake12 *h = handshake12_of(handshake);

    if (h->phase == AWAIT_SIGNATURE ? on_signature(h) : on_secret(h))
        handshake->state = HANDSHAKE_AWAITS_CLIENT;
}
