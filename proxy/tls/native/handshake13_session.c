/* Follows OpenSSL's tls_parse_ctos_psk() and ssl_get_prev_session(). */
#include "proxy/tls/native/handshake13_session.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "proxy/crypto/digest.h"
#include "proxy/tls/native/ticket.h"

/* Finds the first ticket that opens and suits our cipher suite, and its place. */
static bool find_ticket(const struct handshake *handshake, const struct hello *hello,
    size_t *place, struct ticket *ticket)
{
    struct bytes rest = hello->identities, identity;
    uint64_t now = handshake_now();
    uint32_t age;

    for (*place = 0; hello_next_identity(&rest, &identity, &age); ++*place) {
        const struct suite *suite;

        if (ticket_open(handshake->policy->agreed->tickets, now, identity.at,
                identity.len, ticket) == TICKET_UNKNOWN)
            continue;
        suite = suite_find(ticket->suite);
        if (ticket->version == VERSION_13 && suite != NULL &&
            suite->digest == handshake->suite->digest &&
            ticket->secret_len == suite->digest->len)
            return true;
        ticket_wipe(ticket);
    }
    return false;
}

/* RFC 8446, 4.2.11.2, and 6.2 for the alert. */
static bool check_binder(struct handshake *handshake, const struct hello *hello,
    const struct schedule *schedule, struct bytes binder)
{
    const struct digest *digest = handshake->suite->digest;
    const struct digest_part part = {hello->message.at, hello->until_binders};
    unsigned char key[DIGEST_MAX], truncated[DIGEST_MAX], expected[DIGEST_MAX];

    if (binder.len != digest->len)
        return handshake_fail(handshake, SSL_AD_DECODE_ERROR, SSL_R_BAD_EXTENSION);
    (void)digest_parts(digest, &part, 1, truncated);
    schedule_derive(schedule, "res binder", digest->of_nothing, key);
    schedule_verify_data(digest, key, truncated, expected);
    OPENSSL_cleanse(key, sizeof(key));
    return CRYPTO_memcmp(expected, binder.at, digest->len) == 0 ||
        handshake_fail(handshake, SSL_AD_DECRYPT_ERROR, SSL_R_BINDER_DOES_NOT_VERIFY);
}

static struct bytes binder_at(const struct hello *hello, size_t index)
{
    struct bytes rest = hello->binders, binder = {0};

    for (size_t i = 0; i <= index; i++)
        (void)hello_next_binder(&rest, &binder);
    return binder;
}

bool handshake13_find_session(struct handshake *handshake,
    const struct handshake_start *start, struct schedule *schedule,
    struct session_13 *session)
{
    const struct hello *hello = start->hello;
    struct ticket ticket;
    bool found;

    if (!hello->psk_dhe_ke ||
        !ticket_is_possible(handshake->policy->agreed->tickets, handshake_now()) ||
        !find_ticket(handshake, hello, &session->identity, &ticket))
        return false;
    schedule_begin(schedule, handshake->suite->digest, ticket.secret);
    found =
        check_binder(handshake, hello, schedule, binder_at(hello, session->identity)) &&
        session_may_go_on(&ticket.bond, start->shown->agreed, NULL, handshake_now());
    session->bond = ticket.bond;
    ticket_wipe(&ticket);
    return found;
}
