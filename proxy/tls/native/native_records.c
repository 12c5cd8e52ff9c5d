#include "proxy/tls/native/native_records.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/traffic.h"

enum {
    VERSION = 0x0303, /* of the record layer, RFC 8446, 5.1, and of TLS 1.2 */
    HEAD_MAX = TLS_RECORD_HEADER + TLS_EXPLICIT_NONCE,
    AAD_12 = 13, /* RFC 5246, 6.2.3.3 */
    EXPANSION_13 = 256,
    EXPANSION_12 = 1024, /* RFC 8446, 5.2; RFC 5246, 6.2.3 */
    /* Well below 2^24.5 full-sized records (RFC 8446, 5.5). */
    REKEY_AFTER = 1 << 23
};

struct record {
    const unsigned char *header;
    const unsigned char *body;
    size_t body_len;
};

void tls_direction_begin(struct tls_direction *way, const struct tls_records *records,
    enum record_cipher cipher)
{
    const struct digest *digest = records->digest;
    bool seals = way == &records->out;
    unsigned char key[RECORD_KEY_MAX];
    struct digest_key secret;

    digest_key_init(&secret, digest, way->secret, digest->len);
    traffic_expand_by(&secret, "key", NULL, 0, key, record_key_len(cipher));
    traffic_expand_by(&secret, "iv", NULL, 0, way->iv, RECORD_NONCE);
    digest_key_wipe(&secret);
    way->sequence = 0;
    record_key_init(&way->key, cipher, seals, key);
    OPENSSL_cleanse(key, sizeof(key));
}

bool tls_direction_next(struct tls_direction *way, const struct tls_records *records)
{
    enum record_cipher cipher = way->key.cipher;
    unsigned char next[DIGEST_MAX];
    size_t len = records->digest->len;
    bool done = traffic_expand(records->digest, way->secret, "traffic upd", next, len);

    record_key_destroy(&way->key);
    if (done)
        memcpy(way->secret, next, len);
    OPENSSL_cleanse(next, sizeof(next));
    tls_direction_begin(way, records, cipher);
    return done;
}

void tls_records_init(struct tls_records *records)
{
    records->rekey_after = REKEY_AFTER;
    records->in.clear = records->out.clear = true;
}

static void put_number(unsigned char *to, uint64_t value, size_t len)
{
    while (len-- > 0) {
        to[len] = (unsigned char)value;
        value >>= 8;
    }
}

static void put_header(unsigned char *header, int type, size_t len)
{
    header[0] = (unsigned char)type;
    put_number(header + 1, VERSION, 2);
    put_number(header + 3, len, 2);
}

/* RFC 8446, 5.3, and RFC 7905, 2: the sequence number in the IV. */
static void make_nonce(const struct tls_direction *way, unsigned char nonce[RECORD_NONCE])
{
    unsigned char sequence[8];

    put_number(sequence, way->sequence, sizeof(sequence));
    memcpy(nonce, way->iv, RECORD_NONCE);
    for (size_t i = 0; i < sizeof(sequence); i++)
        nonce[RECORD_NONCE - sizeof(sequence) + i] ^= sequence[i];
}

/* Makes the additional data: the header as it travels, or (TLS 1.2) as it would be
 * without encryption, after the sequence number. */
static size_t make_aad(const struct tls_records *r, const struct tls_direction *way,
    const unsigned char *header, size_t plain_len, unsigned char aad[AAD_12])
{
    if (r->tls13) {
        memcpy(aad, header, TLS_RECORD_HEADER);
        return TLS_RECORD_HEADER;
    }
    put_number(aad, way->sequence, 8);
    put_header(aad + 8, header[0], plain_len);
    return AAD_12;
}

static void put_clear(
    int type, const unsigned char *bytes, size_t len, struct buffer *out)
{
    unsigned char *header = (unsigned char *)buffer_reserve(out, TLS_RECORD_HEADER + len);

    put_header(header, type, len);
    memcpy(header + TLS_RECORD_HEADER, bytes, len);
    buffer_commit(out, TLS_RECORD_HEADER + len);
}

static bool seal(struct tls_records *r, int type, const unsigned char *bytes, size_t len,
    struct buffer *out)
{
    if (r->out.clear) {
        put_clear(type, bytes, len, out);
        return true;
    }
    unsigned char aad[AAD_12], nonce[RECORD_NONCE], inner_type = (unsigned char)type;
    size_t explicit_len = r->explicit_nonce ? TLS_EXPLICIT_NONCE : 0;
    size_t body_len = explicit_len + len + r->tls13 + RECORD_TAG;
    unsigned char *header =
        (unsigned char *)buffer_reserve(out, TLS_RECORD_HEADER + body_len);
    unsigned char *body = header + TLS_RECORD_HEADER;

    put_header(header, r->tls13 ? SSL3_RT_APPLICATION_DATA : type, body_len);
    make_nonce(&r->out, nonce);
    if (r->explicit_nonce) {
        put_number(body, r->out.sequence, TLS_EXPLICIT_NONCE);
        memcpy(nonce + RECORD_NONCE - TLS_EXPLICIT_NONCE, body, TLS_EXPLICIT_NONCE);
    }
    struct record_text text = {
        nonce, aad, make_aad(r, &r->out, header, len, aad), bytes, len};
    if (!record_seal(
            &r->out.key, &text, r->tls13 ? &inner_type : NULL, body + explicit_len))
        return false;
    r->out.sequence++;
    buffer_commit(out, TLS_RECORD_HEADER + body_len);
    return true;
}

bool tls_rekey_out(struct tls *tls)
{
    static const unsigned char update[] = {
        SSL3_MT_KEY_UPDATE, 0, 0, 1, SSL_KEY_UPDATE_NOT_REQUESTED};
    struct tls_records *r = tls_records_of(tls);

    if (r->silent)
        return true;
    r->silent = !seal(r, SSL3_RT_HANDSHAKE, update, sizeof(update), tls->out) ||
        !tls_direction_next(&r->out, r);
    return !r->silent;
}

bool tls_seal(struct tls *tls, int type, const void *bytes, size_t len)
{
    struct tls_records *r = tls_records_of(tls);

    if (r->silent)
        return true;
    if (r->tls13 && r->out.sequence >= r->rekey_after && !tls_rekey_out(tls))
        return false;
    r->silent = !seal(r, type, bytes, len, tls->out);
    return !r->silent;
}

int tls_refuse(struct tls *tls, int alert, const char *text)
{
    const unsigned char bytes[] = {SSL3_AL_FATAL, (unsigned char)alert};

    if (!tls_records_of(tls)->silent)
        tls->alert_sent = alert;
    (void)tls_seal(tls, SSL3_RT_ALERT, bytes, sizeof(bytes));
    tls->text = text;
    tls->dead = true;
    return TLS_FAILED;
}

int tls_refuse_flood(struct tls *tls)
{
    tls->flooded = true;
    (void)tls_refuse(
        tls, SSL_AD_UNEXPECTED_MESSAGE, "too many records that carry nothing");
    return TLS_FLOOD;
}

static size_t body_len_of(const unsigned char *header)
{
    return (size_t)header[3] << 8 | header[4];
}

/* A record without encryption has its type in the header. */
static bool is_clear(const struct tls_records *r, int type)
{
    return r->in.clear || (r->tls13 && type != SSL3_RT_APPLICATION_DATA);
}

static size_t body_max(const struct tls_records *r, int type)
{
    if (is_clear(r, type))
        return TLS_PLAINTEXT_MAX;
    return TLS_PLAINTEXT_MAX + (r->tls13 ? EXPANSION_13 : EXPANSION_12);
}

/* Returns whether a record of that type may come without encryption, although there are
 * keys. A client that refuses our certificate has no keys yet. */
static bool allows_clear(const struct tls *tls, int type)
{
    return tls_native_of(tls)->handshake != NULL &&
        (type == SSL3_RT_CHANGE_CIPHER_SPEC ||
            (type == SSL3_RT_ALERT && tls_records_of(tls)->in.sequence == 0));
}

/* Called as soon as the header is there: RFC 8446, 5.1 and 5.2, RFC 5246, 6.2. The order
 * is that of OpenSSL 3.2 and later. */
static int judge_header(struct tls *tls, const unsigned char *header)
{
    const struct tls_records *r = tls_records_of(tls);
    bool other = (header[1] << 8 | header[2]) != VERSION;

    if (other && !r->tls13)
        return tls_refuse(tls, SSL_AD_PROTOCOL_VERSION, "wrong version number");
    if (r->tls13 && header[0] != SSL3_RT_APPLICATION_DATA &&
        !allows_clear(tls, header[0]))
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "bad record type");
    if (other)
        return tls_refuse(tls, SSL_AD_DECODE_ERROR, "wrong version number");
    if (body_len_of(header) > body_max(r, header[0]))
        return tls_refuse(tls, SSL_AD_RECORD_OVERFLOW,
            is_clear(r, header[0]) ? "data length too long"
                                   : "encrypted length too long");
    return 0;
}

/* Copies input to the end of a partial record, until it has `len` bytes. */
static bool gather(struct tls *tls, size_t len)
{
    size_t have = buffer_len(&tls_native_of(tls)->partial),
           n = len > have ? len - have : 0;

    n = n < tls->in_len ? n : tls->in_len;
    buffer_append(&tls_native_of(tls)->partial, tls->in, n);
    tls->in += n;
    tls->in_len -= n;
    return buffer_len(&tls_native_of(tls)->partial) >= len;
}

/* 1: there is a whole record. 0: more input is needed. Else the session is over. */
static int next_record(struct tls *tls, struct record *record)
{
    bool whole =
        buffer_len(&tls_native_of(tls)->partial) == 0 && tls->in_len >= TLS_RECORD_HEADER;
    const char *bytes = tls->in;
    int refused;

    if (!whole) {
        if (!gather(tls, TLS_RECORD_HEADER))
            return 0;
        bytes = buffer_data(&tls_native_of(tls)->partial);
    }
    refused = judge_header(tls, (const unsigned char *)bytes);
    if (refused != 0)
        return refused;
    size_t len = TLS_RECORD_HEADER + body_len_of((const unsigned char *)bytes);
    if (whole && tls->in_len >= len) {
        tls->in += len;
        tls->in_len -= len;
    } else {
        (void)buffer_reserve(
            &tls_native_of(tls)->partial, len - buffer_len(&tls_native_of(tls)->partial));
        if (!gather(tls, len))
            return 0;
        bytes = buffer_data(&tls_native_of(tls)->partial);
    }
    record->header = (const unsigned char *)bytes;
    record->body = record->header + TLS_RECORD_HEADER;
    record->body_len = len - TLS_RECORD_HEADER;
    return 1;
}

/* Returns the length of the plaintext; < 0: the record is not authentic. */
static long unseal(
    struct tls_records *r, const struct record *record, unsigned char *plain)
{
    unsigned char aad[AAD_12], nonce[RECORD_NONCE];
    size_t explicit_len = r->explicit_nonce ? TLS_EXPLICIT_NONCE : 0;
    size_t overhead = explicit_len + RECORD_TAG;

    if (record->body_len < overhead + r->tls13)
        return -1;
    make_nonce(&r->in, nonce);
    memcpy(nonce + RECORD_NONCE - explicit_len, record->body, explicit_len);
    struct record_text text = {nonce, aad,
        make_aad(r, &r->in, record->header, record->body_len - overhead, aad),
        record->body + explicit_len, record->body_len - explicit_len};
    if (!record_open(&r->in.key, &text, plain))
        return -1;
    r->in.sequence++;
    return (long)(record->body_len - overhead);
}

/* RFC 8446, 5.4: the type is the last byte that is not zero. */
static size_t strip_padding(const unsigned char *plain, size_t len, int *type)
{
    while (len > 0 && plain[len - 1] == 0)
        len--;
    *type = len > 0 ? plain[len - 1] : 0;
    return len > 0 ? len - 1 : 0;
}

static int open_record(
    struct tls *tls, const struct record *record, unsigned char *plain, int *type)
{
    struct tls_records *r = tls_records_of(tls);

    *type = record->header[0];
    if (is_clear(r, *type)) {
        memcpy(plain, record->body, record->body_len);
        return (int)record->body_len;
    }
    long opened = unseal(r, record, plain);
    size_t len = opened > 0 ? (size_t)opened : 0;
    if (opened < 0)
        return tls_refuse(
            tls, SSL_AD_BAD_RECORD_MAC, "decryption failed or bad record mac");
    if (len > (size_t)TLS_PLAINTEXT_MAX + r->tls13)
        return tls_refuse(tls, SSL_AD_RECORD_OVERFLOW, "data length too long");
    len = r->tls13 ? strip_padding(plain, len, type) : len;
    if (r->tls13 && *type == SSL3_RT_CHANGE_CIPHER_SPEC)
        return tls_refuse(tls, SSL_AD_UNEXPECTED_MESSAGE, "unexpected record");
    return (int)len;
}

int tls_records_open(struct tls *tls, unsigned char *plain, struct opened_record *opened)
{
    struct record record = {0};
    int found = next_record(tls, &record), len;

    if (found <= 0)
        return found < 0 ? found : tls_used_up(tls);
    if (!tls_count_record(tls))
        return tls_refuse_flood(tls);
    len = open_record(tls, &record, plain, &opened->type);
    buffer_destroy(&tls_native_of(tls)->partial);
    if (len < 0)
        return len;
    opened->len = (size_t)len;
    return 1;
}

bool tls_records_write(struct tls *tls, const char *plain, size_t len)
{
    if (tls_records_of(tls)->silent)
        return false;
    (void)buffer_reserve(
        tls->out, len + (len / TLS_PLAINTEXT_MAX + 1) * (HEAD_MAX + RECORD_TAG + 1));
    while (len > 0) {
        size_t n = len < TLS_PLAINTEXT_MAX ? len : TLS_PLAINTEXT_MAX;

        if (!tls_seal(tls, SSL3_RT_APPLICATION_DATA, plain, n)) {
            tls->text = "no keys to go on with";
            tls->dead = true;
            return false;
        }
        plain += n;
        len -= n;
    }
    return true;
}

void tls_records_end(struct tls *tls)
{
    static const unsigned char close_notify[] = {SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY};

    (void)tls_seal(tls, SSL3_RT_ALERT, close_notify, sizeof(close_notify));
    tls_records_of(tls)->silent = true;
}

void tls_records_destroy(struct tls_records *records)
{
    record_key_destroy(&records->in.key);
    record_key_destroy(&records->out.key);
    OPENSSL_cleanse(records, sizeof(*records));
}
