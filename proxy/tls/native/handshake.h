/*
 * handshake.h - a server's side of a handshake, without records and without I/O: whole
 * messages in; messages, ChangeCipherSpecs and keys out.
 *
 * Only for supported ClientHellos. That is decided by the ClientHello alone, before a
 * byte is answered; any other is left to OpenSSL (handshake_begin() returns NULL and
 * nothing has happened).
 *
 *     begin --> [ keys are ready? ] --> go_on --> message, message, ... --> DONE
 *
 * Private key operations wait for their batch (engine.h): begin submits them, and calls
 * output->told() when all are done. A step may submit more.
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "proxy/tls/native/machine.h"
#include "proxy/tls/native/policy.h"

enum handshake_state {
    HANDSHAKE_AWAITS_KEYS, /* call handshake_go_on() as soon as they are ready */
    HANDSHAKE_AWAITS_CLIENT,
    HANDSHAKE_DONE,
    HANDSHAKE_FAILED /* `alert` is to be sent */
};

/* The keys of one direction, used from now on. */
struct handshake_keys {
    const struct suite *suite;
    const unsigned char *secret; /* TLS 1.3: a traffic secret of the digest's length */
    const unsigned char *key,
        *iv; /* TLS 1.2: parts of the key block, as long as the cipher needs */
};

/* The record layer. All are called from inside the functions below; false: it failed, and
 * the handshake fails, too. */
struct handshake_output {
    /* One or several whole messages; copied. */
    bool (*messages)(
        struct handshake_output *output, const unsigned char *bytes, size_t len);
    bool (*change_cipher_spec)(struct handshake_output *output);
    bool (*keys_in)(struct handshake_output *output, const struct handshake_keys *keys);
    bool (*keys_out)(struct handshake_output *output, const struct handshake_keys *keys);
    void (*told)(struct handshake_output *output); /* from inside engine_run() */
    bool urgent; /* key operations submitted from now on precede others */
};

struct handshake_version;

struct handshake {
    const struct handshake_version *version; /* handshake_version.h */
    struct handshake_output *output;
    enum handshake_state state; /* follows from `machine`, or FAILED */
    enum machine_state machine;
    int alert; /* FAILED: TLS's number */
    int reason; /* FAILED: OpenSSL's SSL_R_ for the same */
    unsigned waits_for; /* operations */
    /* The result; complete when the state is DONE. */
    SSL_CTX *context; /* a reference: the one chosen by name */
    SSL_CTX *shown; /* a reference: the one whose certificates and keys are used */
    const struct policy *policy;
    const struct suite *suite;
    const struct key_exchange_group *group; /* NULL: TLS 1.2, resumed */
    const struct scheme *scheme; /* NULL: resumed */
    bool resumed;
    const char *protocol; /* of ALPN; NULL: none */
    char *host_name; /* NULL: none */
};

/* `message` is the whole ClientHello, borrowed for the call; `output` until the end. */
struct handshake *handshake_begin(SSL_CTX *context, const unsigned char *message,
    size_t len, struct handshake_output *output);
void handshake_free(struct handshake *handshake); /* withdraws its operations */

bool handshake_keys_are_ready(const struct handshake *handshake);
void handshake_go_on(struct handshake *handshake);

/* Call it as soon as the header of a message is there: false, and FAILED, if such a
 * message may not come now, or is too long. */
bool handshake_expects(struct handshake *handshake, unsigned char type, size_t len);
/* Takes a whole message, with its header of four bytes. `ends`: it ends with its
 * record. */
void handshake_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends);
/* Takes a well-formed record ChangeCipherSpec. */
void handshake_change_cipher_spec(struct handshake *handshake);

#endif
