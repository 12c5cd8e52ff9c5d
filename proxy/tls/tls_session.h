/*
 * tls_session.h - the inside of struct tls, for tls*.c and the engines.
 *
 * An engine does the whole handshake and all records of a session. It is chosen once,
 * when a ClientHello has come, and the session stays with it.
 */
#ifndef WLBPROXY_TLS_TLS_SESSION_H
#define WLBPROXY_TLS_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/base/tls_engine.h"
#include "proxy/tls/tls.h"

enum { TLS_RECORD_HEADER = 5, TLS_PLAINTEXT_MAX = 16384 };

/* The functions of an engine. `read`, `write` and `end` are tls_read(), tls_write() and
 * tls_end() for its sessions; the last two only when the session is open. */
struct tls_engine {
    enum tls_engine_choice id;
    /* TLS_OPENED: the session belongs to this engine from now on. TLS_NEED_INPUT: more of
     * the ClientHello is needed to decide. TLS_FAILED: not supported; nothing has
     * happened, and the input is unchanged. */
    int (*begin)(struct tls *tls);
    int (*read)(struct tls *tls, char *plain, size_t capacity);
    bool (*write)(struct tls *tls, const char *plain, size_t len);
    void (*end)(struct tls *tls);
    void (*free)(struct tls *tls);
    /* For a handshake under way. */
    const char *(*host_name)(const struct tls *tls); /* NULL: none */
    SSL_CTX *(*context)(const struct tls *tls);
};

extern const struct tls_engine tls_openssl;
extern const struct tls_engine tls_native; /* where WLB_TLS_NATIVE is defined */

/* The result of a handshake: everything that may be asked about an established
 * session. */
struct tls_negotiated {
    enum tls_engine_choice engine;
    const char *version, *cipher, *group; /* static, or live with the context */
    SSL_CTX *context; /* our reference */
    char *sni, *alpn; /* NULL: none */
    char *peer_subject, *peer_cn, *peer_sha256; /* NULL: no verified certificate */
    enum tls_version_kind version_kind;
    enum tls_group_kind group_kind;
    enum tls_cipher_kind cipher_kind;
    enum tls_signature_kind signature_kind;
    bool resumed;
};

struct tls {
    const struct tls_engine *engine; /* NULL: not chosen yet */
    void *session; /* the engine's own */
    SSL_CTX *context; /* our reference */
    char *server; /* owned: whom we are a client of; NULL: we are the server */
    struct buffer *out;

    const char *in; /* ciphertext to read: the caller's, or that in `kept` */
    size_t in_len;
    struct buffer kept;
    struct buffer hello; /* the first bytes of the peer, until the handshake is done */

    uint32_t empty_records; /* records without plaintext, against their allowance */
    uint32_t allowance_bytes;
    struct tls_negotiated *outcome; /* NULL: not open yet */

    bool urgent; /* see tls_set_urgent() */
    bool recognised, answered, open, ended, dead, awaiting, keys_ready, flooded;
    bool closed; /* close_notify was written */
    bool proxy_protocol; /* it came in place of TLS */
    int alert_received, alert_sent; /* -1: none */
    unsigned long error; /* OpenSSL's, packed */
    long verify_error; /* X509_V_OK: the client's certificate was not refused */
    bool no_shared_group; /* the handshake failed for it */
    const char *text;
    char said[320]; /* the bytes of `text`, where it is no constant */
};

enum {
    TLS_EMPTY_RECORDS_MAX = 33, /* OpenSSL itself refuses the 33rd empty record */
    TLS_HANDSHAKE_RECORDS_MAX = 16 * 1024 /* one byte a record is allowed */
};

/* tls.c: for the engines. */
void tls_earn(struct tls *tls, size_t len); /* plaintext pays for empty records */
bool tls_count_record(struct tls *tls); /* counts one that begins; false: it is one too
                                         * many */
int tls_used_up(struct tls *tls);
int tls_opened(struct tls *tls, struct tls_negotiated *outcome); /* returns TLS_OPENED */

/* tls_negotiated.c */
struct tls_negotiated *tls_negotiated_new(enum tls_engine_choice engine);
void tls_negotiated_free(struct tls_negotiated *outcome);

/* tls_hello.c: the offer of a ClientHello, read from the peer's first bytes. */
struct tls_hello {
    bool complete;
    bool tls13, tls12, older; /* versions offered */
    bool has_groups;
    char host_name[256]; /* "" if there is none, or none that is valid */
    char offered[256];
};
void tls_hello_read(struct tls_hello *hello, const char *bytes, size_t len);

/* tls_failure.c: for a dead session; the likely cause in words, "" if unknown. */
enum tls_failure_kind tls_failure_find(
    const struct tls *tls, const struct tls_hello *hello, char *text, size_t size);
/* tls_backend_failure.c: the same where the peer is a server. */
void tls_backend_failure_tell(const struct tls *tls, char *text, size_t size);

#endif
