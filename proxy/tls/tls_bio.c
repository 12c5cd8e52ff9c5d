#include <string.h>

#include <openssl/bio.h>

#include "proxy/base/memory.h"
#include "proxy/tls/tls_openssl.h"

/* RFC 8446, 5.1. A hello in SSL 2's form, whose header has two bytes (RFC 5246, E.2), can
 * only come first. */
static size_t body_length(const unsigned char header[TLS_RECORD_HEADER], bool first)
{
    size_t ssl2_len = (size_t)(header[0] & 0x7f) << 8 | header[1];

    if (!first || (header[0] & 0x80) == 0)
        return (size_t)header[3] << 8 | header[4];
    return ssl2_len < TLS_RECORD_HEADER - 2 ? 0 : ssl2_len - (TLS_RECORD_HEADER - 2);
}

static void follow_header(struct tls_follow *f, unsigned char byte)
{
    f->header[f->header_len++] = byte;
    if (f->header_len < TLS_RECORD_HEADER)
        return;
    f->body_left = (uint16_t)body_length(f->header, !f->past_first);
    f->header_len = 0;
    f->past_first = true;
}

/* Counts records as they begin, because records without data (KeyUpdates, empty ones,
 * warnings, attempts to renegotiate) cost us and not the peer. OpenSSL reads headers
 * alone. In the header of a record too many it finds an invalid length, so that it sends
 * an alert and ends the session. */
static void guard_header(struct tls *tls, struct tls_follow *f, unsigned char *byte)
{
    if (f->header_len == 0)
        tls->flooded = !tls_count_record(tls);
    if (tls->flooded && f->header_len >= TLS_RECORD_HEADER - 2)
        *byte = 0xff;
    follow_header(f, *byte);
}

static void follow_input(struct tls *tls, unsigned char *bytes, size_t len)
{
    struct tls_follow *f = &((struct tls_openssl *)tls->session)->read;

    while (len > 0) {
        size_t n = len < f->body_left ? len : f->body_left;

        f->body_left -= (uint16_t)n;
        if (n == 0) {
            guard_header(tls, f, bytes);
            n = 1;
        }
        bytes += n;
        len -= n;
    }
}

static int on_bio_read(BIO *bio, char *bytes, int capacity)
{
    struct tls *tls = BIO_get_data(bio);
    size_t n = (size_t)capacity < tls->in_len ? (size_t)capacity : tls->in_len;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, tls->in, n);
    follow_input(tls, (unsigned char *)bytes, n);
    tls->in += n;
    tls->in_len -= n;
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buffer_append(tls->out, bytes, (size_t)len);
    tls->answered = true;
    return len;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int on_bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wlbproxy buffers");

    memory_require(method != NULL && BIO_meth_set_read(method, on_bio_read) &&
        BIO_meth_set_write(method, on_bio_write) &&
        BIO_meth_set_ctrl(method, on_bio_ctrl) &&
        BIO_meth_set_create(method, on_bio_create));
    return method;
}

BIO *tls_bio_new(struct tls *tls)
{
    static BIO_METHOD *method; /* kept for the life of the process */

    if (method == NULL)
        method = make_method();
    BIO *bio = memory_checked(BIO_new(method));
    BIO_set_data(bio, tls);
    return bio;
}
