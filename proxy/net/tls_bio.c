#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>

#include "proxy/net/tls_session.h"

enum {
    RECORD_HEADER = 5,
    HANDSHAKE_RECORDS_MAX = 16 * 1024, /* one byte a record is allowed */
    BARREN_RECORDS_MAX = 32,
};

/* Counts records as they pass: those that bring nothing (KeyUpdates, empty ones,
 * warnings, attempts to renegotiate) cost us and not the peer. */
static bool count_record(struct tls *tls)
{
    uint32_t most = tls->open ? BARREN_RECORDS_MAX : HANDSHAKE_RECORDS_MAX;

    if (++tls->barren > most)
        tls->flooded = true;
    return !tls->flooded;
}

/* Follows the record headers in what OpenSSL takes; false when there were too many. */
static bool follow_records(struct tls *tls, const char *bytes, size_t len)
{
    while (len > 0) {
        if (tls->body_left > 0) {
            size_t n = len < tls->body_left ? len : tls->body_left;

            tls->body_left -= (uint16_t)n;
            bytes += n;
            len -= n;
            continue;
        }
        if (++tls->header_len == RECORD_HEADER - 1)
            tls->length_high = (uint8_t)*bytes;
        if (tls->header_len == RECORD_HEADER) {
            tls->body_left =
                (uint16_t)((unsigned)tls->length_high << 8 | (unsigned char)*bytes);
            tls->header_len = 0;
            if (!count_record(tls))
                return false;
        }
        bytes++;
        len--;
    }
    return true;
}

static int on_bio_read(BIO *bio, char *bytes, int capacity)
{
    struct tls *tls = BIO_get_data(bio);
    size_t n = (size_t)capacity < tls->in_len ? (size_t)capacity : tls->in_len;

    BIO_clear_retry_flags(bio);
    if (tls->flooded)
        return -1;
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (!follow_records(tls, tls->in, n))
        return -1;
    memcpy(bytes, tls->in, n);
    tls->in += n;
    tls->in_len -= n;
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buffer_append(tls->out, bytes, (size_t)len);
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

    if (method == NULL || !BIO_meth_set_read(method, on_bio_read) ||
        !BIO_meth_set_write(method, on_bio_write) ||
        !BIO_meth_set_ctrl(method, on_bio_ctrl) ||
        !BIO_meth_set_create(method, on_bio_create))
        abort();
    return method;
}

BIO *tls_bio_new(struct tls *tls)
{
    static BIO_METHOD *method; /* for the life of the process */

    if (method == NULL)
        method = make_method();
    BIO *bio = BIO_new(method);
    if (bio == NULL)
        abort();
    BIO_set_data(bio, tls);
    return bio;
}
