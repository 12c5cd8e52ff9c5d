#include "proxy/crypto/record_cipher.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proxy/base/error.h"
#include "proxy/base/list.h"
#include "proxy/crypto/gcm.h"
#include "proxy/crypto/secret_pages.h"

/* More connections than are busy within some milliseconds. If a slot was given to another
 * key, computing it again takes a tenth of a microsecond (half of one by OpenSSL). */
enum { SLOTS = 256 };

struct record_slot {
    _Alignas(GCM_ALIGNMENT) unsigned char expanded[GCM_EXPANDED_MAX];
    struct record_key *owner;
    struct list used; /* the least recently used first */
};

static const struct {
    const char *name;
    size_t key_len;
} ciphers[RECORD_CIPHERS] = {
    [RECORD_AES_128_GCM] = {"AES-128-GCM", 16},
    [RECORD_AES_256_GCM] = {"AES-256-GCM", 32},
    [RECORD_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", 32},
};

static EVP_CIPHER *fetched[RECORD_CIPHERS];
static struct record_slot *slots;
static EVP_CIPHER_CTX *contexts[SLOTS]; /* for the slots, where gcm.h is not used */
static struct list used;
static bool slow; /* set while the self-test uses OpenSSL */

static bool make_slots(void)
{
    slots = secret_pages_new(SLOTS * sizeof(*slots));
    list_init(&used);
    for (size_t i = 0; slots != NULL && i < SLOTS; i++)
        list_append(&used, &slots[i].used);
    return slots != NULL;
}

void record_ciphers_stop(void)
{
    gcm_stop();
    for (size_t i = 0; i < SLOTS; i++) {
        EVP_CIPHER_CTX_free(contexts[i]);
        contexts[i] = NULL;
    }
    secret_pages_free(slots, SLOTS * sizeof(*slots));
    slots = NULL;
    for (size_t i = 0; i < RECORD_CIPHERS; i++) {
        EVP_CIPHER_free(fetched[i]);
        fetched[i] = NULL;
    }
}

size_t record_key_len(enum record_cipher cipher)
{
    return ciphers[cipher].key_len;
}

void record_key_init(struct record_key *key, enum record_cipher cipher, bool seals,
    const unsigned char *bytes)
{
    *key = (struct record_key){.cipher = cipher, .seals = seals};
    memcpy(key->bytes, bytes, ciphers[cipher].key_len);
}

static bool is_fast(const struct record_key *key)
{
    return key->cipher != RECORD_CHACHA20_POLY1305 && gcm_is_there() && !slow;
}

static EVP_CIPHER_CTX **context_of(const struct record_slot *slot)
{
    return &contexts[slot - slots];
}

static void give_up_slot(struct record_key *key)
{
    struct record_slot *slot = key->slot;

    if (slot == NULL)
        return;
    OPENSSL_cleanse(slot->expanded, sizeof(slot->expanded));
    if (*context_of(slot) != NULL)
        (void)EVP_CIPHER_CTX_reset(*context_of(slot));
    slot->owner = NULL;
    key->slot = NULL;
}

void record_key_destroy(struct record_key *key)
{
    give_up_slot(key);
    OPENSSL_cleanse(key->bytes, sizeof(key->bytes));
}

/* Computes the key schedule, unless it is still there. */
static bool compute(struct record_key *key, struct record_slot *slot)
{
    if (is_fast(key)) {
        gcm_expand(slot->expanded, key->bytes, key->cipher == RECORD_AES_256_GCM);
        return true;
    }
    EVP_CIPHER_CTX **context = context_of(slot);
    if (*context == NULL && (*context = EVP_CIPHER_CTX_new()) == NULL)
        return false;
    return EVP_CipherInit_ex2(
               *context, fetched[key->cipher], key->bytes, NULL, key->seals, NULL) == 1;
}

static bool take_slot(struct record_key *key)
{
    struct list *oldest = list_take(&used);

    assert(oldest != NULL); /* all slots are in the list */
    struct record_slot *slot = container_of(oldest, struct record_slot, used);
    list_append(&used, &slot->used);
    if (slot->owner != NULL)
        give_up_slot(slot->owner);
    slot->owner = key;
    key->slot = slot;
    if (compute(key, slot))
        return true;
    give_up_slot(key);
    return false;
}

static bool ready(struct record_key *key)
{
    if (key->slot == NULL)
        return take_slot(key);
    list_remove(&key->slot->used);
    list_append(&used, &key->slot->used);
    return true;
}

/* OpenSSL's part, without the tag. */
static bool run(struct record_key *key, const struct record_text *text, size_t len,
    const unsigned char *last, unsigned char *to)
{
    EVP_CIPHER_CTX *context = *context_of(key->slot);
    int n;

    return EVP_CipherInit_ex2(context, NULL, NULL, text->nonce, -1, NULL) == 1 &&
        EVP_CipherUpdate(context, NULL, &n, text->aad, (int)text->aad_len) == 1 &&
        (len == 0 || EVP_CipherUpdate(context, to, &n, text->bytes, (int)len) == 1) &&
        (last == NULL || EVP_CipherUpdate(context, to + len, &n, last, 1) == 1);
}

static struct gcm_message message_of(
    const struct record_key *key, const struct record_text *text)
{
    return (struct gcm_message){key->slot->expanded, key->cipher == RECORD_AES_256_GCM,
        text->nonce, text->aad, text->aad_len};
}

bool record_seal(struct record_key *key, const struct record_text *text,
    const unsigned char *last, unsigned char *to)
{
    unsigned char *end = to + text->len + (last != NULL);
    int n;

    assert(key->seals);
    if (!ready(key))
        return false;
    if (is_fast(key)) {
        struct gcm_message message = message_of(key, text);

        gcm_seal(&message, to, text->bytes, text->len, last, end);
        return true;
    }
    EVP_CIPHER_CTX *context = *context_of(key->slot);
    return run(key, text, text->len, last, to) &&
        EVP_CipherFinal_ex(context, end, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, end) == 1;
}

static bool open_fast(const struct record_key *key, const struct record_text *text,
    size_t len, unsigned char *to)
{
    struct gcm_message message = message_of(key, text);
    unsigned char tag[GCM_TAG];

    gcm_open(&message, to, text->bytes, len, tag);
    return CRYPTO_memcmp(tag, text->bytes + len, sizeof(tag)) == 0;
}

bool record_open(
    struct record_key *key, const struct record_text *text, unsigned char *to)
{
    size_t len = text->len - RECORD_TAG;
    unsigned char tag[RECORD_TAG];
    int n;

    assert(!key->seals && text->len >= RECORD_TAG);
    if (!ready(key))
        return false;
    if (is_fast(key))
        return open_fast(key, text, len, to);
    EVP_CIPHER_CTX *context = *context_of(key->slot);
    memcpy(tag, text->bytes + len, sizeof(tag));
    return run(key, text, len, NULL, to) &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
        EVP_CipherFinal_ex(context, to + len, &n) == 1;
}

/* The two implementations of AES-GCM must agree on every length of a last block, and on
 * more. */
static bool agree(enum record_cipher cipher)
{
    enum { LONGEST = 600 };
    unsigned char plain[LONGEST], sealed[LONGEST + 1 + RECORD_TAG], opened[LONGEST + 1];
    struct record_key ours, theirs;
    bool same = true;

    memset(plain, 0x5a, sizeof(plain));
    record_key_init(&ours, cipher, true, plain);
    record_key_init(&theirs, cipher, false, plain);
    for (size_t len = 0; same && len <= LONGEST; len += 1 + len / 16) {
        struct record_text text = {plain, plain, 5 + len % 9, plain, len};

        plain[0] = (unsigned char)len; /* this changes the nonce, too */
        same = record_seal(&ours, &text, plain, sealed);
        text.bytes = sealed;
        text.len += 1 + RECORD_TAG;
        slow = true;
        same = same && record_open(&theirs, &text, opened) &&
            memcmp(opened, plain, len) == 0 && opened[len] == plain[0];
        slow = false;
    }
    record_key_destroy(&ours);
    record_key_destroy(&theirs);
    return same;
}

/* If the fast implementation is not there, OpenSSL's is used. */
static void start_gcm(void)
{
    struct error why;

    if (gcm_start(&why) && !(agree(RECORD_AES_128_GCM) && agree(RECORD_AES_256_GCM)))
        gcm_stop();
}

bool record_ciphers_start(OSSL_LIB_CTX *libctx, bool fast)
{
    for (size_t i = 0; i < RECORD_CIPHERS; i++) {
        fetched[i] = EVP_CIPHER_fetch(libctx, ciphers[i].name, NULL);
        if (fetched[i] == NULL)
            return false;
    }
    if (!make_slots())
        return false;
    if (fast)
        start_gcm();
    return true;
}
