#include "tests/fuzz/forging_records.h"

#include <assert.h>
#include <string.h>

#include "proxy/crypto/traffic.h"

enum { APPLICATION_DATA = 23 };

static void put(unsigned char *at, uint64_t value, size_t len)
{
    for (; len > 0; value >>= 8)
        at[--len] = (unsigned char)value;
}

bool forging_has_explicit_nonce(bool tls13, enum record_cipher cipher)
{
    return !tls13 && cipher != RECORD_CHACHA20_POLY1305;
}

void forging_direction_end(struct forging_direction *direction)
{
    if (direction->sealed)
        record_key_destroy(&direction->key);
    direction->sealed = false;
}

void forging_use_key(struct forging_direction *direction, enum record_cipher cipher,
    bool seals, const unsigned char *key, const unsigned char *iv, size_t iv_len)
{
    forging_direction_end(direction);
    record_key_init(&direction->key, cipher, seals, key);
    memcpy(direction->iv, iv, iv_len);
    direction->sequence = 0;
    direction->sealed = true;
}

void forging_use_secret(struct forging_direction *direction, enum record_cipher cipher,
    const struct digest *digest, bool seals, const unsigned char *secret)
{
    unsigned char key[RECORD_KEY_MAX], iv[RECORD_NONCE];

    memmove(direction->secret, secret, digest->len);
    direction->digest = digest;
    direction->tls13 = true;
    (void)traffic_expand(digest, secret, "key", key, record_key_len(cipher));
    (void)traffic_expand(digest, secret, "iv", iv, sizeof(iv));
    forging_use_key(direction, cipher, seals, key, iv, sizeof(iv));
}

void forging_use_next(struct forging_direction *direction)
{
    unsigned char next[DIGEST_MAX];

    (void)traffic_expand(direction->digest, direction->secret, "traffic upd", next,
        direction->digest->len);
    forging_use_secret(
        direction, direction->key.cipher, direction->digest, direction->key.seals, next);
}

static size_t explicit_len_of(const struct forging_direction *direction)
{
    return forging_has_explicit_nonce(direction->tls13, direction->key.cipher)
        ? FORGING_EXPLICIT
        : 0;
}

/* `sent`: the eight bytes that travel with the record. */
static void make_nonce(const struct forging_direction *direction,
    const unsigned char *sent, unsigned char nonce[RECORD_NONCE])
{
    unsigned char sequence[FORGING_EXPLICIT];

    memcpy(nonce, direction->iv, RECORD_NONCE);
    if (explicit_len_of(direction) > 0) {
        memcpy(nonce + FORGING_FIXED, sent, FORGING_EXPLICIT);
        return;
    }
    put(sequence, direction->sequence, FORGING_EXPLICIT);
    for (size_t i = 0; i < FORGING_EXPLICIT; i++)
        nonce[FORGING_FIXED + i] ^= sequence[i];
}

static size_t make_aad(const struct forging_direction *direction,
    const unsigned char *header, size_t len,
    unsigned char aad[FORGING_EXPLICIT + FORGING_HEADER])
{
    if (direction->tls13) {
        memcpy(aad, header, FORGING_HEADER);
        return FORGING_HEADER;
    }
    put(aad, direction->sequence, FORGING_EXPLICIT);
    memcpy(aad + FORGING_EXPLICIT, header, 3);
    put(aad + FORGING_EXPLICIT + 3, len, 2);
    return FORGING_EXPLICIT + FORGING_HEADER;
}

size_t forging_seal(struct forging_direction *direction, int type,
    const unsigned char *bytes, size_t len, size_t padding,
    unsigned char record[FORGING_RECORD_MAX])
{
    static unsigned char plain[FORGING_RECORD_MAX];
    size_t explicit_len = explicit_len_of(direction), body;
    unsigned char *text = record + FORGING_HEADER + explicit_len;
    unsigned char nonce[RECORD_NONCE], aad[FORGING_EXPLICIT + FORGING_HEADER];

    assert(len + padding + 256 < FORGING_RECORD_MAX);
    memcpy(plain, bytes, len);
    if (direction->tls13) {
        plain[len++] = (unsigned char)type;
        memset(plain + len, 0, padding);
        len += padding;
        type = APPLICATION_DATA;
    }
    body = explicit_len + len + RECORD_TAG;
    put(record, (uint64_t)type << 16 | 0x0303, 3);
    put(record + 3, body, 2);
    put(record + FORGING_HEADER, direction->sequence, explicit_len);
    make_nonce(direction, record + FORGING_HEADER, nonce);
    const struct record_text sealed = {
        nonce, aad, make_aad(direction, record, len, aad), plain, len};
    bool done = record_seal(&direction->key, &sealed, NULL, text);

    assert(done);
    direction->sequence++;
    return FORGING_HEADER + body;
}

bool forging_open(struct forging_direction *direction, const unsigned char *record,
    int *type, size_t *len, unsigned char plain[FORGING_RECORD_MAX])
{
    size_t explicit_len = explicit_len_of(direction), n = *len - FORGING_HEADER;
    unsigned char nonce[RECORD_NONCE], aad[FORGING_EXPLICIT + FORGING_HEADER];

    if (n < explicit_len + RECORD_TAG || n > FORGING_RECORD_MAX)
        return false;
    n -= explicit_len;
    make_nonce(direction, record + FORGING_HEADER, nonce);
    const struct record_text text = {nonce, aad,
        make_aad(direction, record, n - RECORD_TAG, aad),
        record + FORGING_HEADER + explicit_len, n};
    if (!record_open(&direction->key, &text, plain))
        return false;
    direction->sequence++;
    n -= RECORD_TAG;
    while (direction->tls13 && n > 0 && plain[n - 1] == 0)
        n--;
    if (direction->tls13 && n > 0)
        *type = plain[--n];
    *len = n;
    return true;
}
