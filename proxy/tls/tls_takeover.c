/* From OpenSSL's record layer to ours, between the last byte of a handshake and the first
 * one after it. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/traffic.h"
#include "proxy/tls/tls_records.h"
#include "proxy/tls/tls_session.h"

enum {
    FIXED_NONCE = 4, /* RFC 5288, 3 */
    /* Well below 2^24.5 full-sized records (RFC 8446, 5.5). */
    REKEY_AFTER = 1 << 23
};

static bool find_cipher(const SSL *ssl, enum record_cipher *cipher)
{
    static const struct {
        uint32_t id;
        enum record_cipher cipher;
    } known[] = {
        {TLS1_3_CK_AES_128_GCM_SHA256, RECORD_AES_128_GCM},
        {TLS1_3_CK_AES_256_GCM_SHA384, RECORD_AES_256_GCM},
        {TLS1_3_CK_CHACHA20_POLY1305_SHA256, RECORD_CHACHA20_POLY1305},
        {TLS1_CK_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RECORD_AES_256_GCM},
        {TLS1_CK_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RECORD_AES_128_GCM},
        {TLS1_CK_ECDHE_RSA_WITH_CHACHA20_POLY1305, RECORD_CHACHA20_POLY1305},
        {TLS1_CK_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, RECORD_AES_256_GCM},
        {TLS1_CK_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, RECORD_AES_128_GCM},
        {TLS1_CK_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, RECORD_CHACHA20_POLY1305},
    };
    uint32_t id = SSL_CIPHER_get_id(SSL_get_current_cipher(ssl));

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        *cipher = known[i].cipher;
        if (known[i].id == id)
            return true;
    }
    return false;
}

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

static bool begin_13(
    struct tls_records *r, const struct traffic *traffic, enum record_cipher cipher)
{
    if (!traffic->has_client || !traffic->has_server)
        return false;
    memcpy(r->in.secret, traffic->client, traffic->digest->len);
    memcpy(r->out.secret, traffic->server, traffic->digest->len);
    tls_direction_begin(&r->in, r, cipher);
    tls_direction_begin(&r->out, r, cipher);
    return true;
}

/* RFC 5246, 6.3: the client's key, ours, the client's IV, ours. */
static bool begin_12(
    struct tls_records *r, const struct traffic *traffic, enum record_cipher cipher)
{
    size_t key_len = record_key_len(cipher);
    size_t iv_len = cipher == RECORD_CHACHA20_POLY1305 ? RECORD_NONCE : FIXED_NONCE;
    const unsigned char *ivs = traffic->block + 2 * key_len;

    if (traffic->block_len < 2 * (key_len + iv_len))
        return false;
    r->explicit_nonce = iv_len == FIXED_NONCE;
    record_key_init(&r->in.key, cipher, false, traffic->block);
    record_key_init(&r->out.key, cipher, true, traffic->block + key_len);
    memcpy(r->in.iv, ivs, iv_len);
    memcpy(r->out.iv, ivs + iv_len, iv_len);
    return true;
}

static uint64_t number(const unsigned char bytes[TLS_EXPLICIT_NONCE])
{
    uint64_t value = 0;

    for (size_t i = 0; i < TLS_EXPLICIT_NONCE; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* RFC 6066, 4: 2^9 to 2^12, where the client asked for it. */
static size_t largest_record(const SSL *ssl)
{
    uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl));

    return code >= TLSEXT_max_fragment_length_512 &&
            code <= TLSEXT_max_fragment_length_4096
        ? (size_t)256 << code
        : TLS_PLAINTEXT_MAX;
}

struct tls_records *tls_records_new(void)
{
    struct tls_records *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->largest = TLS_PLAINTEXT_MAX;
    r->rekey_after = REKEY_AFTER;
    r->in.clear = r->out.clear = true;
    return r;
}

static struct tls_records *make(const struct tls *tls, enum record_cipher cipher)
{
    struct tls_records *r = tls_records_new();

    r->in.clear = r->out.clear = false;
    r->tls13 = SSL_version(tls->ssl) == TLS1_3_VERSION;
    r->digest = tls->traffic->digest;
    r->largest = largest_record(tls->ssl);
    if (!(r->tls13 ? begin_13 : begin_12)(r, tls->traffic, cipher)) {
        tls_records_free(r);
        return NULL;
    }
    /* What OpenSSL has read and written with these keys. */
    r->in.sequence = r->tls13 ? 0 : tls->read.records;
    r->out.sequence = tls->written.records;
    r->first_nonce = number(tls->written.nonce) + 1 - r->out.sequence;
    return r;
}

void tls_take_over(struct tls *tls)
{
    enum record_cipher cipher;

    if (tls->traffic == NULL)
        return;
    if (traffic_is_known(tls->traffic) && find_cipher(tls->ssl, &cipher) &&
        SSL_has_pending(tls->ssl) == 0)
        tls->records = make(tls, cipher);
    traffic_wipe(tls->traffic);
    free(tls->traffic);
    tls->traffic = NULL;
    if (tls->records == NULL)
        return;
    SSL_free(tls->ssl);
    tls->ssl = NULL;
}
