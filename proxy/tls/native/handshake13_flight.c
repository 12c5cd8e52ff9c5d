/* The server's flight, when the key operations are done. */
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/native/handshake13_parts.h"

static struct handshake_keys keys_of(
    const struct handshake13 *h, const unsigned char *secret)
{
    return (struct handshake_keys){.suite = h->common.suite, .secret = secret};
}

static bool keys_out(struct handshake13 *h, const unsigned char *secret)
{
    struct handshake_output *output = h->common.output;
    struct handshake_keys keys = keys_of(h, secret);

    return output->keys_out(output, &keys) || handshake13_fail_inside(h);
}

bool handshake13_keys_in(struct handshake13 *h, const unsigned char *secret)
{
    struct handshake_output *output = h->common.output;
    struct handshake_keys keys = keys_of(h, secret);

    return output->keys_in(output, &keys) || handshake13_fail_inside(h);
}

bool handshake13_send(struct handshake13 *h, const void *bytes, size_t len)
{
    struct handshake_output *output = h->common.output;

    return output->messages(output, bytes, len) || handshake13_fail_inside(h);
}

static bool send_hello(struct handshake13 *h)
{
    struct handshake_output *output = h->common.output;

    return handshake13_send(h, h->flight->hello, h->flight->hello_len) &&
        (!h->flight->compatible || output->change_cipher_spec(output) ||
            handshake13_fail_inside(h));
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

/* EncryptedExtensions to Finished, in as few records as will do. */
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
    sent = handshake13_send(h, buffer_data(&messages), buffer_len(&messages));
    buffer_destroy(&messages);
    return sent;
}

/* The client's Finished is known before it comes, and so is what comes from it: nothing
 * else of the transcript need be kept. */
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
    return keys_out(h, secrets->server_data) &&
        handshake13_keys_in(h, secrets->client_handshake);
}

void handshake13_go_on(struct handshake *handshake)
{
    struct handshake13 *h = handshake13_of(handshake);
    struct secrets_13 secrets;

    if (!operation_succeeded(&h->flight->derivation)) {
        (void)handshake_fail(handshake, SSL_AD_ILLEGAL_PARAMETER, SSL_R_BAD_ECPOINT);
        return;
    }
    if (h->flight->shown != NULL && !operation_succeeded(&h->flight->signing.operation)) {
        (void)handshake13_fail_inside(h);
        return;
    }
    if (send_flight(h, &secrets))
        handshake->state = HANDSHAKE_AWAITS_CLIENT;
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    handshake13_end_flight(h);
}
