#include "proxy/crypto/self_test.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "proxy/base/error.h"

/* Derives by OpenSSL from its key and the public part of ours. */
static bool reference(const struct key_exchange_group *group, EVP_PKEY *theirs,
    const struct key_exchange_key *ours, unsigned char *secret)
{
    unsigned char encoded[KEY_EXCHANGE_PUBLIC_MAX];
    size_t len = group->secret_len;
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, theirs, NULL);
    bool ok;

    key_exchange_encode(group, ours, encoded);
    ok = peer != NULL && context != NULL && EVP_PKEY_copy_parameters(peer, theirs) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, encoded, group->public_len) == 1 &&
        EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, peer) == 1 &&
        EVP_PKEY_derive(context, secret, &len) == 1 && len == group->secret_len;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return ok;
}

static EVP_PKEY *generate(const struct key_exchange_group *group)
{
    if (group->prime == NULL)
        return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", group->real_name);
}

static bool decode(
    const struct key_exchange_group *group, EVP_PKEY *key, struct key_exchange_key *peer)
{
    unsigned char *encoded = NULL;
    size_t len = EVP_PKEY_get1_encoded_public_key(key, &encoded);
    bool ok = len > 0 && key_exchange_decode(group, peer, encoded, len);

    OPENSSL_free(encoded);
    return ok;
}

/* The implementation under test: a library, or `alone` without one. */
struct subject {
    const struct multibuffer *library;
    key_exchange_alone *alone;
    OSSL_LIB_CTX *libctx;
};

/* Without lanes one key is enough: each goes the same way. */
static size_t lanes_of(const struct subject *subject)
{
    return subject->library != NULL ? LANES : 1;
}

static void derive(const struct subject *subject, const struct key_exchange_group *group,
    struct key_exchange_job *jobs, size_t count)
{
    if (subject->library != NULL) {
        key_exchange_derive(subject->library, group, jobs, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        subject->alone(group, &jobs[i]);
}

static bool agrees(const struct subject *subject, const struct key_exchange_group *group,
    EVP_PKEY *theirs, const struct key_exchange_key keys[LANES],
    const struct key_exchange_key *peer)
{
    unsigned char secrets[LANES][KEY_EXCHANGE_SECRET_MAX];
    unsigned char expected[KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_job jobs[LANES];
    size_t count = lanes_of(subject);
    bool equal = true;

    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct key_exchange_job){
            .own = &keys[i], .peer = peer, .secret = secrets[i]};
    derive(subject, group, jobs, count);
    for (size_t i = 0; equal && i < count; i++)
        equal = jobs[i].ok && reference(group, theirs, &keys[i], expected) &&
            CRYPTO_memcmp(secrets[i], expected, group->secret_len) == 0;
    return equal;
}

/* Off the curve by one bit of y; for X25519 the point of order one. */
static bool refuses_bad_peer(const struct subject *subject,
    const struct key_exchange_group *group, const struct key_exchange_key *own,
    struct key_exchange_key peer)
{
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_job job = {.own = own, .peer = &peer, .secret = secret};

    if (group->prime == NULL)
        memset(&peer, 0, sizeof(peer));
    else
        peer.y[0] ^= 1;
    derive(subject, group, &job, 1);
    return !job.ok;
}

static bool test_group(
    const struct subject *subject, const struct key_exchange_group *group)
{
    struct key_exchange_key keys[LANES], peer;
    EVP_PKEY *theirs = generate(group);
    bool ok = theirs != NULL && decode(group, theirs, &peer) &&
        key_exchange_generate(subject->library, subject->libctx, group, keys) &&
        agrees(subject, group, theirs, keys, &peer) &&
        refuses_bad_peer(subject, group, &keys[0], peer);

    EVP_PKEY_free(theirs);
    OPENSSL_cleanse(keys, sizeof(keys));
    return ok;
}

bool self_test(const struct multibuffer *library, key_exchange_alone *alone,
    OSSL_LIB_CTX *libctx, struct error *err)
{
    struct subject batches = {.library = library, .libctx = libctx};
    struct subject ours = {.alone = alone, .libctx = libctx};

    for (size_t i = 0; library != NULL && i < KEY_EXCHANGE_GROUPS; i++) {
        if (!test_group(&batches, &key_exchange_groups[i]))
            return error_set(err, "%s fails its self-test in %s", library->description,
                key_exchange_groups[i].tls_name);
    }
    if (!test_group(&ours, &key_exchange_groups[KEY_EXCHANGE_P384]))
        return error_set(err, "our P-384 fails its self-test");
    return true;
}
