/*
 * hello.h - a ClientHello, read to the last byte (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2).
 *
 * Strict: a hello with anything malformed, repeated, misplaced or unsupported is refused
 * as a whole, and left to OpenSSL. Results are borrowed from the message.
 */
#ifndef WLBPROXY_TLS_NATIVE_HELLO_H
#define WLBPROXY_TLS_NATIVE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/client_hello.h"

enum { HELLO_SESSION_ID_MAX = 32 };

/* `at` of an extension's content is NULL where the extension is missing. */
struct hello {
    struct bytes message; /* with its header of four bytes */
    uint16_t legacy_version;
    const unsigned char *random;
    struct bytes session_id;
    struct bytes suites; /* two bytes each */
    bool only_null_compression; /* else null is one of several */
    bool offers_12, offers_13; /* by supported_versions, or without it by
                                * legacy_version */

    /* Contents of extensions: the inside of the list, where the content is one. */
    struct bytes host_name; /* without a NUL, 1 to CLIENT_HELLO_NAME_MAX bytes */
    struct bytes groups, signature_schemes; /* two bytes each */
    struct bytes key_shares; /* group, length, share, and so on; no group twice, each in
                              * groups */
    struct bytes protocols; /* of ALPN: a length byte and a name, and so on */
    struct bytes ticket; /* of session_ticket, TLS 1.2; may be empty */
    struct bytes identities; /* of pre_shared_key: length, identity, age, and so on */
    struct bytes binders; /* length byte and binder, and so on; as many as identities */
    size_t until_binders; /* bytes of the message that the binders cover */
    bool psk_dhe_ke; /* psk_key_exchange_modes contains it */
    bool has_psk_modes, extended_master_secret, secure_renegotiation, point_formats;
    bool has_record_size_limit, has_certificate_schemes;
};

/* Reads a whole message. False: it is left to OpenSSL. */
bool hello_read(struct hello *hello, const unsigned char *message, size_t len);

/* Returns whether `value` is in a list of numbers of two bytes. */
bool hello_lists(struct bytes list, uint16_t value);
/* Returns the first that is not GREASE (RFC 8701); 0: none. */
uint16_t hello_first(struct bytes list);

/* Takes vectors off the front of `rest`; false at its end. */
bool hello_next_share(struct bytes *rest, uint16_t *group, struct bytes *share);
bool hello_next_identity(struct bytes *rest, struct bytes *identity, uint32_t *age);
bool hello_next_binder(struct bytes *rest, struct bytes *binder);

#endif
