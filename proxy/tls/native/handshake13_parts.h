/*
 * handshake13_parts.h - the inside of a handshake of TLS 1.3, for handshake13*.c.
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE13_PARTS_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE13_PARTS_H

#include "proxy/crypto/signing_request.h"
#include "proxy/tls/native/handshake_parts.h"
#include "proxy/tls/native/schedule.h"
#include "proxy/tls/native/ticket.h"

enum {
    MESSAGE_HEADER_13 = 4,
    RANDOM_13 = 32,
    /* Room for each; a Finished may be shorter. */
    SERVER_HELLO_13_MAX = 256,
    EXTENSIONS_13_MAX = 320,
    VERIFY_13_MAX = MESSAGE_HEADER_13 + 4 + SIGNATURE_MAX,
    FINISHED_13_MAX = MESSAGE_HEADER_13 + DIGEST_MAX,
};

/* What is needed until the server's flight has left. */
struct flight_13 {
    const struct shown *shown; /* NULL: resumed */
    struct key_exchange_key own, peer;
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX]; /* what the two come to */
    struct operation derivation;
    struct signing_request signing;
    struct schedule schedule; /* resumed: at its Early Secret */
    struct digest_state transcript;
    unsigned char after_hello[DIGEST_MAX]; /* transcript up to ServerHello */
    unsigned char hello[SERVER_HELLO_13_MAX];
    unsigned char extensions[EXTENSIONS_13_MAX];
    size_t hello_len, extensions_len;
    bool compatible; /* a ChangeCipherSpec for middleboxes */
};

struct handshake13 {
    struct handshake common;
    struct flight_13 *flight; /* NULL: it has left */
    unsigned char expected[DIGEST_MAX]; /* in the client's Finished */
    unsigned char client_secret[DIGEST_MAX]; /* for its data */
    size_t identity; /* resumed: which of the client's */
    bool gives_ticket;
    struct ticket ticket; /* that one */
    unsigned char salt[TICKET_SALT]; /* of the ticket */
};

static inline struct handshake13 *handshake13_of(struct handshake *handshake)
{
    return (struct handshake13 *)(void *)handshake;
}

/* handshake13.c. Those that return bool return false when the handshake has FAILED. */
bool handshake13_fail_inside(struct handshake13 *h);
void handshake13_end_flight(struct handshake13 *h);

/* handshake13_flight.c */
void handshake13_go_on(struct handshake *handshake);
bool handshake13_keys_in(struct handshake13 *h, const unsigned char *secret);
bool handshake13_send(struct handshake13 *h, const void *bytes, size_t len);

/* handshake13_finished.c */
bool handshake13_expects(struct handshake *handshake, unsigned char type, size_t len);
void handshake13_on_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends);

/* handshake13_session.c: true if the hello has a session that goes on; the key schedule
 * has begun with it. A binder that is wrong makes the handshake FAILED. */
bool handshake13_resume(struct handshake13 *h, const struct handshake_start *start);

/* messages13.c: written with their headers, extensions in OpenSSL's order; the length. */
size_t server_hello_13(const struct handshake13 *h, const struct hello *hello,
    const unsigned char *random, unsigned char *to);
size_t encrypted_extensions_13(const struct handshake13 *h, unsigned char *to);
/* What is signed (RFC 8446, 4.4.3), hashed; `messages` is the transcript's hash. */
void hash_to_sign_13(const struct scheme *scheme, const struct digest *digest,
    const unsigned char *messages, unsigned char *hash);
size_t certificate_verify_13(uint16_t scheme, const unsigned char *signature,
    size_t signature_len, unsigned char *to);
size_t finished_13(const unsigned char *data, size_t len, unsigned char *to);
/* Room for NEW_TICKET_13. */
enum {
    TICKET_NONCE_13 = 8,
    NEW_TICKET_13 = MESSAGE_HEADER_13 + 4 + 4 + 1 + TICKET_NONCE_13 + 2 + TICKET_LEN + 2
};
size_t new_session_ticket_13(uint32_t lifetime, uint32_t age_add,
    const unsigned char nonce[TICKET_NONCE_13], const unsigned char ticket[TICKET_LEN],
    unsigned char *to);

#endif
