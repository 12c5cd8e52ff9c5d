#include "proxy/crypto/engine.h"

#include <stdio.h>

#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "proxy/base/error.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/multibuffer.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/p384.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/record_cipher.h"
#include "proxy/crypto/self_test.h"
#include "proxy/crypto/signing.h"
#include "proxy/crypto/signing_remote.h"

enum {
    STACKS_KEPT = 64,
    SIGNER_BUSY = 16, /* with so many signatures on their way it is busy until the next
                       * answer */
};

static struct engine {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *groups, *stock, *keys; /* `keys`: or the remote ones */
    struct multibuffer library;
    bool batched, has_tools, remote;
    uint64_t (*key_number)(X509 *leaf);
    void (*flush)(void *owner); /* sends the requests that wait for the signer */
    void *flush_owner;
    char description[256];
} engine = {.description = "openssl"};

/* The order matters: see provider.h. */
static bool load_providers(struct error *err)
{
    engine.libctx = OSSL_LIB_CTX_new();
    if (engine.libctx == NULL ||
        OSSL_PROVIDER_add_builtin(engine.libctx, PROVIDER_GROUPS, provider_groups_init) !=
            1 ||
        OSSL_PROVIDER_add_builtin(engine.libctx, PROVIDER_KEYS, provider_keys_init) !=
            1 ||
        OSSL_PROVIDER_add_builtin(engine.libctx, PROVIDER_REMOTE, provider_remote_init) !=
            1 ||
        (engine.groups = OSSL_PROVIDER_load(engine.libctx, PROVIDER_GROUPS)) == NULL ||
        (engine.stock = OSSL_PROVIDER_load(engine.libctx, "default")) == NULL ||
        (engine.keys = OSSL_PROVIDER_load(
             engine.libctx, engine.remote ? PROVIDER_REMOTE : PROVIDER_KEYS)) == NULL)
        return error_set(err, "OpenSSL did not take our provider");
    return true;
}

/* Loads it into OpenSSL's own context, as configured. OpenSSL loads its default provider
 * by itself only while no other was asked for, so that one is loaded, too. */
static bool load_remote_provider(struct error *err)
{
    static bool added;

    if (OSSL_PROVIDER_available(NULL, "default") == 1)
        engine.stock = OSSL_PROVIDER_load(NULL, "default");
    if (!added)
        added =
            OSSL_PROVIDER_add_builtin(NULL, PROVIDER_REMOTE, provider_remote_init) == 1;
    engine.keys = added ? OSSL_PROVIDER_load(NULL, PROVIDER_REMOTE) : NULL;
    return engine.keys != NULL ||
        error_set(err, "OpenSSL did not take the provider that asks the signer");
}

/* An administrator who asked for validated modules gets nothing else. */
static bool is_fips(void)
{
    char answer = '0';
    FILE *file;

    if (EVP_default_properties_is_fips_enabled(NULL) == 1)
        return true;
    file = fopen("/proc/sys/crypto/fips_enabled", "re");
    if (file == NULL)
        return false;
    if (fread(&answer, 1, 1, file) != 1)
        answer = '0';
    (void)fclose(file);
    return answer == '1';
}

static bool is_possible(struct error *err)
{
    return is_fips() ? error_set(err, "FIPS mode is on") : true;
}

/* Starts what the native TLS engine needs, whichever code does the arithmetic. */
static bool start_tools(const struct multibuffer *library, bool own, struct error *err)
{
    operations_start(library);
    exchange_alone_start(own);
    digests_start();
    if (!key_pool_start(library, engine.libctx) ||
        !record_ciphers_start(engine.libctx, own))
        return error_set(err, "no memory for key operations");
    engine.has_tools = true;
    return true;
}

/* Starts what batched and own operations have in common. */
static bool start_ours(const struct multibuffer *library, struct error *err)
{
    p384_start(P384_BEST);
    operations_start(library);
    return load_providers(err) && start_tools(library, true, err) &&
        self_test(library, key_exchange_derive_alone, engine.libctx, err);
}

static bool start_batched(struct error *err)
{
    if (ASYNC_is_capable() != 1)
        return error_set(err, "this OpenSSL has no ASYNC jobs");
    if (!multibuffer_load(&engine.library, err) || !start_ours(&engine.library, err))
        return false;
    if (!signing_start(&engine.library, engine.libctx))
        return error_set(err, "no memory for batched key operations");
    engine.batched = true;
    return true;
}

static void describe(const char *what, const char *why)
{
    (void)snprintf(
        engine.description, sizeof(engine.description), "%s (%.200s)", what, why);
}

static bool try_batched(struct error *err)
{
    if (!is_possible(err) || !start_batched(err)) {
        engine_stop();
        return false;
    }
    (void)snprintf(engine.description, sizeof(engine.description),
        "batched (%s: P-384, P-256, RSA 2048-4096, ECDSA)", engine.library.description);
    return true;
}

static bool start_stock(const char *why, struct error *err)
{
    describe("openssl", why);
    return (!engine.remote || load_remote_provider(err)) &&
        (is_fips() || start_tools(NULL, false, err));
}

/* `why`: the reason for not batching. */
static bool try_own(const char *why, struct error *err)
{
    struct error why_not;

    if (is_possible(&why_not) && start_ours(NULL, &why_not)) {
        describe("openssl, P-384 of our own", why);
        return true;
    }
    engine_stop();
    return start_stock(why_not.text, err);
}

static bool start(enum engine_choice choice, struct error *err)
{
    struct error why;

    if (choice == ENGINE_STOCK)
        return start_stock("as configured", err);
    if (choice == ENGINE_OWN)
        (void)error_set(&why, "as asked for");
    else if (try_batched(&why))
        return true;
    if (choice == ENGINE_BATCHED) {
        describe("openssl", why.text);
        return error_set(err, "crypto = batched is not possible: %s", why.text);
    }
    return try_own(why.text, err);
}

void engine_use_signer(uint64_t (*key_number)(X509 *leaf))
{
    engine.remote = true;
    engine.key_number = key_number;
}

uint64_t engine_key_number(X509 *leaf)
{
    return engine.key_number(leaf);
}

bool engine_start(enum engine_choice choice, struct error *err)
{
    if (engine.remote && ASYNC_is_capable() != 1)
        return error_set(err,
            "this OpenSSL has no ASYNC jobs, so that no handshake can wait for the "
            "signer: "
            "signer = off");
    return start(choice, err);
}

void engine_stop(void)
{
    engine.batched = engine.has_tools = false;
    record_ciphers_stop();
    signing_stop();
    key_pool_stop();
    (void)OSSL_PROVIDER_unload(engine.keys);
    (void)OSSL_PROVIDER_unload(engine.stock);
    (void)OSSL_PROVIDER_unload(engine.groups);
    OSSL_LIB_CTX_free(engine.libctx);
    engine.keys = engine.stock = engine.groups = NULL;
    engine.libctx = NULL;
}

OSSL_LIB_CTX *engine_libctx(void)
{
    return engine.libctx;
}

bool engine_supports_native(void)
{
    return engine.has_tools;
}

bool engine_is_batched(void)
{
    return engine.batched;
}

bool engine_signs_remotely(void)
{
    return engine.remote;
}

bool engine_may_pause(void)
{
    return engine.batched || engine.remote;
}

const char *engine_description(void)
{
    return engine.description;
}

size_t engine_pending(void)
{
    return engine.batched ? operations_waiting() : 0;
}

size_t engine_pending_urgent(void)
{
    return engine.batched ? operations_urgent() : 0;
}

size_t engine_fullest(bool urgent_only)
{
    return engine.batched ? operations_fullest(urgent_only) : 0;
}

size_t engine_costly(void)
{
    return engine.batched ? operations_costly() + signing_remote_unsent_costly() : 0;
}

size_t engine_run(void)
{
    return engine.batched ? operations_run(false) : 0;
}

size_t engine_run_urgent(void)
{
    return engine.batched ? operations_run(true) : 0;
}

void engine_flush_by(void (*flush)(void *owner), void *owner)
{
    engine.flush = flush;
    engine.flush_owner = owner;
}

void engine_flush(void)
{
    if (engine.flush != NULL && signing_remote_has_unsent())
        engine.flush(engine.flush_owner);
}

bool engine_signatures_came(void)
{
    return signing_remote_came();
}

bool engine_signer_is_busy(void)
{
    return signing_remote_pending(false) - signing_remote_pending(true) >= SIGNER_BUSY;
}

int engine_handshake(SSL *ssl, bool urgent)
{
    return operations_handshake(ssl, urgent);
}

/* OpenSSL keeps the 32 KiB stack of every session that ever paused for the next one. They
 * are freed after a flood. */
static bool has_spare_stacks(void)
{
    return operations_paused() == 0 && operations_paused_peak() > STACKS_KEPT;
}

static void release_stacks(void)
{
    operations_forget_peak();
    ASYNC_cleanup_thread();
}

bool engine_may_refill(void)
{
    return (engine.has_tools && key_pool_is_short()) || has_spare_stacks();
}

bool engine_refill(void)
{
    if (engine.has_tools && key_pool_refill())
        return true;
    if (!has_spare_stacks())
        return false;
    release_stacks();
    return true;
}
