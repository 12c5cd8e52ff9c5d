/* TLS 1.3: a full handshake, or one resumed by a ticket, always with (EC)DHE (RFC 8446, 2
 * and 4.4). The signature does not need the shared secret: both operations are under way
 * at the same time. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/tls/native/handshake13_parts.h"

void handshake13_end_flight(struct handshake13 *h)
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
    struct handshake13 *h = handshake13_of(handshake);

    handshake13_end_flight(h);
    OPENSSL_cleanse(h, sizeof(*h));
    free(h);
}

bool handshake13_fail_inside(struct handshake13 *h)
{
    return handshake_fail(&h->common, SSL_AD_INTERNAL_ERROR, ERR_R_INTERNAL_ERROR);
}

static struct handshake13 *make(const struct handshake_start *start)
{
    struct handshake13 *h = memory_new(sizeof(*h));

    h->flight = memory_new(sizeof(*h->flight));
    handshake_init(&h->common, &handshake_13, start);
    h->flight->derivation.done = h->flight->signing.operation.done = true;
    return h;
}

/* Suite, group and the client's share, without which it is OpenSSL's. */
static bool agree(struct handshake13 *h, const struct handshake_start *start)
{
    const struct hello *hello = start->hello;
    struct bytes share;

    h->common.suite = policy_suite_13(start->policy, hello);
    h->common.group = policy_share(start->policy, hello, &share);
    return h->common.suite != NULL && h->common.group != NULL &&
        key_exchange_decode(h->common.group, &h->flight->peer, share.at, share.len);
}

/* False if no certificate of ours would do. */
static bool choose_session(struct handshake13 *h, const struct handshake_start *start)
{
    if (start->hello->identities.at != NULL)
        h->common.resumed = handshake13_resume(h, start);
    if (h->common.resumed || h->common.state == HANDSHAKE_FAILED)
        return true;
    schedule_begin(&h->flight->schedule, h->common.suite->digest, NULL);
    h->flight->shown =
        policy_certificate_13(start->shown, start->hello, &h->common.scheme);
    return h->flight->shown != NULL;
}

/* One call for all: most of the price of random bytes is the call. */
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

/* All that is known before the keys are: what the signature is about, too. */
static bool prepare(struct handshake13 *h, const struct handshake_start *start)
{
    struct flight_13 *f = h->flight;
    unsigned char random[RANDOM_13];

    if (!key_pool_take(h->common.group, &f->own) || !draw(h, random))
        return false;
    h->gives_ticket = start->hello->psk_dhe_ke &&
        ticket_is_possible(start->policy->agreed->tickets, handshake_now());
    f->compatible = start->hello->session_id.len > 0;
    f->hello_len = server_hello_13(h, start->hello, random, f->hello);
    f->extensions_len = encrypted_extensions_13(h, f->extensions);
    digest_begin(&f->transcript, h->common.suite->digest);
    digest_add(&f->transcript, start->hello->message.at, start->hello->message.len);
    digest_add(&f->transcript, f->hello, f->hello_len);
    digest_so_far(&f->transcript, f->after_hello);
    digest_add(&f->transcript, f->extensions, f->extensions_len);
    submit_derivation(h);
    return h->common.resumed || submit_signature(h);
}

/* What OpenSSL insists on, or would ask for in another way. */
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
            (void)handshake13_fail_inside(h);
        return &h->common;
    }
    handshake_free(&h->common);
    return NULL;
}

/* It means nothing (RFC 8446, D.4). */
static void on_change_cipher_spec(struct handshake *handshake)
{
    (void)handshake;
}

const struct handshake_version handshake_13 = {
    .begin = begin,
    .go_on = handshake13_go_on,
    .expects = handshake13_expects,
    .message = handshake13_on_message,
    .change_cipher_spec = on_change_cipher_spec,
    .free = free_all,
};
