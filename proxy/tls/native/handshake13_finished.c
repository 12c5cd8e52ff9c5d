/* The client's Finished, and the ticket it gets for it. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "proxy/tls/native/handshake13_parts.h"

enum { FINISHED = 20, FINISHED_MAX = 64 /* OpenSSL's limit */ };

bool handshake13_expects(struct handshake *handshake, unsigned char type, size_t len)
{
    if (type != FINISHED)
        return handshake_fail(
            handshake, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
    return len <= FINISHED_MAX ||
        handshake_fail(handshake, SSL_AD_ILLEGAL_PARAMETER, SSL_R_EXCESSIVE_MESSAGE_SIZE);
}

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
        return handshake13_fail_inside(h);
    return handshake13_send(h, message,
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

void handshake13_on_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends)
{
    struct handshake13 *h = handshake13_of(handshake);

    if (!check_finished(h, message, len, ends) ||
        !handshake13_keys_in(h, h->client_secret))
        return;
    /* The keys may have rotated away meanwhile. */
    if (h->gives_ticket &&
        ticket_is_possible(handshake->policy->agreed->tickets, handshake_now()) &&
        !send_ticket(h))
        return;
    handshake->state = HANDSHAKE_DONE;
}
