/* The functions below EVP are deprecated, and there is nothing else for this. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/crypto/digest.h"

#include <string.h>

#include <openssl/crypto.h>

struct digest_functions {
    void (*begin)(struct digest_state *state);
    void (*add)(struct digest_state *state, const void *data, size_t len);
    void (*end)(struct digest_state *state, unsigned char *hash);
};

#define FUNCTIONS(name, NAME, member)                                                    \
    static void name##_begin(struct digest_state *state)                                 \
    {                                                                                    \
        (void)NAME##_Init(&state->of.member);                                            \
    }                                                                                    \
    static void name##_add(struct digest_state *state, const void *data, size_t len)     \
    {                                                                                    \
        (void)NAME##_Update(&state->of.member, data, len);                               \
    }                                                                                    \
    static void name##_end(struct digest_state *state, unsigned char *hash)              \
    {                                                                                    \
        (void)NAME##_Final(hash, &state->of.member);                                     \
    }                                                                                    \
    static const struct digest_functions name = {name##_begin, name##_add, name##_end};

FUNCTIONS(sha1, SHA1, sha1)
FUNCTIONS(sha224, SHA224, sha256)
FUNCTIONS(sha256, SHA256, sha256)
FUNCTIONS(sha384, SHA384, sha512)
FUNCTIONS(sha512, SHA512, sha512)

#define INFO(oid_last, total, digest_len)                                                \
    {                                                                                    \
        0x30, total, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,   \
            0x02, oid_last, 0x05, 0x00, 0x04, digest_len                                 \
    }
#define INFO_SHA1                                                                        \
    {                                                                                    \
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,    \
            0x04, 0x14                                                                   \
    }

static struct digest digests[] = {
    {{"SHA2-256", "SHA256"}, INFO(1, 0x31, 32), 19, 32, 64, &sha256, {0}},
    {{"SHA2-384", "SHA384"}, INFO(2, 0x41, 48), 19, 48, 128, &sha384, {0}},
    {{"SHA2-512", "SHA512"}, INFO(3, 0x51, 64), 19, 64, 128, &sha512, {0}},
    {{"SHA2-224", "SHA224"}, INFO(4, 0x2d, 28), 19, 28, 64, &sha224, {0}},
    {{"SHA1", "SHA-1"}, INFO_SHA1, 15, 20, 64, &sha1, {0}},
};
enum { DIGESTS = sizeof(digests) / sizeof(digests[0]) };

void digests_start(void)
{
    for (size_t i = 0; i < DIGESTS; i++)
        (void)digest_parts(&digests[i], NULL, 0, digests[i].of_nothing);
}

const struct digest *digest_find(const char *name)
{
    for (size_t i = 0; i < DIGESTS; i++) {
        if (strcmp(name, digests[i].names[0]) == 0 ||
            strcmp(name, digests[i].names[1]) == 0)
            return &digests[i];
    }
    return NULL;
}

void digest_begin(struct digest_state *state, const struct digest *digest)
{
    state->digest = digest;
    digest->functions->begin(state);
}

void digest_add(struct digest_state *state, const void *data, size_t len)
{
    if (len > 0)
        state->digest->functions->add(state, data, len);
}

void digest_so_far(const struct digest_state *state, unsigned char *hash)
{
    struct digest_state copy = *state;

    state->digest->functions->end(&copy, hash);
}

bool digest_parts(const struct digest *digest, const struct digest_part *parts,
    size_t count, unsigned char *hash)
{
    struct digest_state state;

    digest_begin(&state, digest);
    for (size_t i = 0; i < count; i++)
        digest_add(&state, parts[i].data, parts[i].len);
    digest->functions->end(&state, hash);
    OPENSSL_cleanse(&state, sizeof(state));
    return true;
}

/* A key longer than a block is hashed. */
static void fill_block(
    const struct digest *digest, struct digest_part key, unsigned char *block)
{
    memset(block, 0, DIGEST_BLOCK_MAX);
    if (key.len > digest->block_len)
        (void)digest_parts(digest, &key, 1, block);
    else if (key.len > 0)
        memcpy(block, key.data, key.len);
}

static void mask_block(unsigned char *block, unsigned char mask)
{
    for (size_t i = 0; i < DIGEST_BLOCK_MAX; i++)
        block[i] ^= mask;
}

void digest_key_init(
    struct digest_key *key, const struct digest *digest, const void *bytes, size_t len)
{
    enum { INNER = 0x36, OUTER = 0x5c };
    unsigned char block[DIGEST_BLOCK_MAX];

    fill_block(digest, (struct digest_part){bytes, len}, block);
    mask_block(block, INNER);
    digest_begin(&key->inner, digest);
    digest_add(&key->inner, block, digest->block_len);
    mask_block(block, INNER ^ OUTER);
    digest_begin(&key->outer, digest);
    digest_add(&key->outer, block, digest->block_len);
    OPENSSL_cleanse(block, sizeof(block));
}

void digest_key_mac(const struct digest_key *key, const struct digest_part *parts,
    size_t count, unsigned char *mac)
{
    const struct digest *digest = key->inner.digest;
    struct digest_state state = key->inner;
    unsigned char inner[DIGEST_MAX];

    for (size_t i = 0; i < count; i++)
        digest_add(&state, parts[i].data, parts[i].len);
    digest->functions->end(&state, inner);
    state = key->outer;
    digest_add(&state, inner, digest->len);
    digest->functions->end(&state, mac);
    OPENSSL_cleanse(&state, sizeof(state));
    OPENSSL_cleanse(inner, sizeof(inner));
}

void digest_key_wipe(struct digest_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

bool digest_hmac(const struct digest *digest, struct digest_part key,
    const struct digest_part *parts, size_t count, unsigned char *mac)
{
    struct digest_key prepared;

    if (count > DIGEST_PARTS_MAX)
        return false;
    digest_key_init(&prepared, digest, key.data, key.len);
    digest_key_mac(&prepared, parts, count, mac);
    digest_key_wipe(&prepared);
    return true;
}

bool digest_hkdf_expand(const struct digest *digest, struct digest_part secret,
    struct digest_part info, unsigned char *out, size_t len)
{
    unsigned char last[DIGEST_MAX], counter = 0;
    struct digest_part parts[] = {{last, 0}, info, {&counter, 1}};
    struct digest_key key;

    if (len > 255 * digest->len)
        return false;
    digest_key_init(&key, digest, secret.data, secret.len);
    for (size_t done = 0; done < len; done += digest->len) {
        size_t rest = len - done;

        counter++;
        digest_key_mac(&key, parts, 3, last);
        memcpy(out + done, last, rest < digest->len ? rest : digest->len);
        parts[0].len = digest->len;
    }
    digest_key_wipe(&key);
    OPENSSL_cleanse(last, sizeof(last));
    return true;
}
