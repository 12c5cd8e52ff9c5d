#include "proxy/signer/signer_keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "certstore/read/private_key.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/signature_scheme.h"
#include "proxy/crypto/signing_wire.h"
#include "proxy/ipc/key_snapshot.h"

struct held_key {
    uint64_t number;
    EVP_PKEY *key;
    EVP_PKEY *owner; /* owns the key of `fast`; NULL: `key` does */
    const struct signing_key *fast; /* NULL: OpenSSL alone signs */
};

struct key_set {
    struct key_set *older;
    uint32_t generation;
    size_t count;
    struct held_key *keys;
};

static struct key_set *newest; /* the sets are in the order in which they came */

static void free_set(struct key_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        EVP_PKEY_free(set->keys[i].owner);
        EVP_PKEY_free(set->keys[i].key);
    }
    free(set->keys);
    free(set);
}

static bool load_key(struct held_key *to, const struct key_snapshot_key *from)
{
    to->number = from->number;
    to->key =
        private_key_parse((const unsigned char *)from->der, from->len, engine_libctx());
    if (to->key != NULL)
        to->fast = engine_private_key(to->key, &to->owner);
    ERR_clear_error();
    return to->key != NULL;
}

bool signer_keys_load(const char *bytes, size_t len, struct error *err)
{
    struct key_set *set = memory_new(sizeof(*set));
    struct key_snapshot snapshot;
    bool loaded;

    loaded = key_snapshot_decode(&snapshot, bytes, len, err);
    set->generation = snapshot.id;
    set->keys = memory_array(snapshot.count, sizeof(*set->keys));
    for (; loaded && set->count < snapshot.count; set->count++) {
        if (!load_key(&set->keys[set->count], &snapshot.keys[set->count]))
            loaded = error_set(err, "the signer cannot read a private key");
    }
    free(snapshot.keys);
    if (!loaded) {
        free_set(set);
        return false;
    }
    set->older = newest;
    newest = set;
    return true;
}

static void free_sets(uint32_t first_generation, uint32_t last_generation)
{
    struct key_set **link = &newest;

    while (*link != NULL) {
        struct key_set *set = *link;

        if (set->generation < first_generation || set->generation > last_generation) {
            link = &set->older;
            continue;
        }
        *link = set->older;
        free_set(set);
    }
}

void signer_keys_forget(uint32_t generation)
{
    free_sets(generation, generation);
}

void signer_keys_retire_before(uint32_t generation)
{
    if (generation > 0)
        free_sets(0, generation - 1);
}

void signer_keys_destroy(void)
{
    free_sets(0, UINT32_MAX);
}

size_t signer_keys_count(void)
{
    size_t count = 0;

    for (const struct key_set *set = newest; set != NULL; set = set->older)
        count += set->count;
    return count;
}

static const struct held_key *find(uint64_t number)
{
    for (const struct key_set *set = newest; set != NULL; set = set->older) {
        for (size_t i = 0; i < set->count; i++) {
            if (set->keys[i].number == number)
                return &set->keys[i];
        }
    }
    return NULL;
}

static bool set_scheme(EVP_PKEY_CTX *context, const struct signature_scheme *scheme)
{
    EVP_MD *digest = EVP_MD_fetch(engine_libctx(), scheme->digest, NULL);
    bool set = digest != NULL &&
        (scheme->kind == SIGNATURE_ECDSA ||
            EVP_PKEY_CTX_set_rsa_padding(context,
                scheme->kind == SIGNATURE_PSS ? RSA_PKCS1_PSS_PADDING
                                              : RSA_PKCS1_PADDING) == 1) &&
        EVP_PKEY_CTX_set_signature_md(context, digest) == 1 &&
        (scheme->kind != SIGNATURE_PSS ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);

    EVP_MD_free(digest);
    return set;
}

static bool sign_digest(struct signer_task *task, EVP_PKEY *key,
    const struct signature_scheme *scheme, size_t *len)
{
    EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new_from_pkey(engine_libctx(), key, NULL);
    EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new_from_pkey(engine_libctx(), key, NULL);
    bool good = sign != NULL && verify != NULL && EVP_PKEY_sign_init(sign) == 1 &&
        set_scheme(sign, scheme) &&
        EVP_PKEY_sign(sign, task->other, len, task->input, task->input_len) == 1 &&
        EVP_PKEY_verify_init(verify) == 1 && set_scheme(verify, scheme) &&
        EVP_PKEY_verify(verify, task->other, *len, task->input, task->input_len) == 1;

    EVP_PKEY_CTX_free(sign);
    EVP_PKEY_CTX_free(verify);
    return good;
}

static bool sign_message(struct signer_task *task, EVP_PKEY *key, size_t *len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL &&
        EVP_DigestSignInit_ex(context, NULL, NULL, engine_libctx(), NULL, key, NULL) ==
            1 &&
        EVP_DigestSign(context, task->other, len, task->input, task->input_len) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static void sign_by_openssl(
    struct signer_task *task, EVP_PKEY *key, const struct signature_scheme *scheme)
{
    size_t len = sizeof(task->other);
    bool good = scheme->kind == SIGNATURE_EDDSA ? sign_message(task, key, &len)
                                                : sign_digest(task, key, scheme, &len);

    ERR_clear_error();
    task->signature = task->other;
    task->signature_len = good ? len : 0;
}

/* EdDSA signs the handshake's message, of any length; other schemes sign a digest of
 * fixed length. */
static bool input_fits(
    const struct signer_task *task, const struct signature_scheme *scheme)
{
    const struct digest *digest =
        scheme->digest != NULL ? digest_find(scheme->digest) : NULL;

    return scheme->kind == SIGNATURE_EDDSA ||
        (digest != NULL && task->input_len == digest->len);
}

bool signer_keys_begin(struct signer_task *task)
{
    const struct held_key *key = find(task->key);
    const struct signature_scheme *scheme = signature_scheme_find(task->scheme);

    task->signature_len = 0;
    if (key == NULL || scheme == NULL || !EVP_PKEY_is_a(key->key, scheme->key_type) ||
        !input_fits(task, scheme))
        return true;
    if (key->fast == NULL) {
        sign_by_openssl(task, key->key, scheme);
        return true;
    }
    memcpy(task->request.hash, task->input, task->input_len);
    if (!signing_request_init(&task->request, key->fast, digest_find(scheme->digest),
            scheme->kind == SIGNATURE_PSS))
        return true;
    task->request.operation.told = NULL;
    operation_submit(&task->request.operation, false);
    if (!task->request.operation.done)
        return false;
    signer_keys_end(task);
    return true;
}

void signer_keys_end(struct signer_task *task)
{
    const struct signing_job *job = &task->request.operation.job.signing;

    task->signature = task->request.signature;
    task->signature_len = job->ok ? job->signature_len : 0;
    ERR_clear_error();
}
