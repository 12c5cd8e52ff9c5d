#include "proxy/crypto/engine.h"

#include <stdio.h>

#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "config/error.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/key_pool.h"
#include "proxy/crypto/multibuffer.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/provider.h"
#include "proxy/crypto/record_cipher.h"
#include "proxy/crypto/self_test.h"
#include "proxy/crypto/signing.h"

enum { BATCHED_NEVER = 0, BATCHED_ALWAYS = 2, STACKS_KEPT = 64 };

static struct engine {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *groups, *stock, *keys;
    struct multibuffer library;
    bool batched;
    char description[256];
} engine = {.description = "openssl"};

/* In this order: see provider.h. */
static bool load_providers(struct error *err)
{
    engine.libctx = OSSL_LIB_CTX_new();
    if (engine.libctx == NULL ||
        OSSL_PROVIDER_add_builtin(engine.libctx, PROVIDER_GROUPS, provider_groups_init) !=
            1 ||
        OSSL_PROVIDER_add_builtin(engine.libctx, PROVIDER_KEYS, provider_keys_init) !=
            1 ||
        (engine.groups = OSSL_PROVIDER_load(engine.libctx, PROVIDER_GROUPS)) == NULL ||
        (engine.stock = OSSL_PROVIDER_load(engine.libctx, "default")) == NULL ||
        (engine.keys = OSSL_PROVIDER_load(engine.libctx, PROVIDER_KEYS)) == NULL)
        return error_set(err, "OpenSSL did not take our provider");
    return true;
}

static bool start_modules(struct error *err)
{
    operations_start(&engine.library);
    if (!key_pool_start(&engine.library, engine.libctx) ||
        !signing_start(&engine.library, engine.libctx) || !digests_start(engine.libctx) ||
        !record_ciphers_start(engine.libctx))
        return error_set(err, "no memory for batched key operations");
    return true;
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

static bool start_batched(struct error *err)
{
    if (is_fips())
        return error_set(err, "FIPS mode is on");
    if (ASYNC_is_capable() != 1)
        return error_set(err, "this OpenSSL has no ASYNC jobs");
    return multibuffer_load(&engine.library, err) && load_providers(err) &&
        start_modules(err) && self_test(&engine.library, engine.libctx, err);
}

bool engine_start(int batched, struct error *err)
{
    struct error why;

    if (batched == BATCHED_NEVER) {
        (void)snprintf(
            engine.description, sizeof(engine.description), "openssl (as configured)");
        return true;
    }
    if (start_batched(&why)) {
        engine.batched = true;
        (void)snprintf(engine.description, sizeof(engine.description),
            "batched (%s: P-384, P-256, X25519, RSA 2048-4096, ECDSA), records by %s",
            engine.library.description, record_ciphers_description());
        return true;
    }
    engine_stop();
    (void)snprintf(
        engine.description, sizeof(engine.description), "openssl (%.200s)", why.text);
    if (batched == BATCHED_ALWAYS)
        return error_set(err, "crypto = batched is not possible: %s", why.text);
    return true;
}

void engine_stop(void)
{
    engine.batched = false;
    record_ciphers_stop();
    digests_stop();
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

bool engine_seals_records(void)
{
    return engine.libctx != NULL;
}

bool engine_is_batched(void)
{
    return engine.batched;
}

const char *engine_description(void)
{
    return engine.description;
}

size_t engine_pending(void)
{
    return engine.batched ? operations_waiting() : 0;
}

size_t engine_run(void)
{
    return engine.batched ? operations_run() : 0;
}

/* OpenSSL keeps the 32 KiB stack of every session that ever paused for the next one:
 * after a flood they are given back. */
static bool release_stacks(void)
{
    if (operations_paused() > 0 || operations_paused_peak() <= STACKS_KEPT)
        return false;
    operations_forget_peak();
    ASYNC_cleanup_thread();
    return true;
}

bool engine_refill(void)
{
    return engine.batched && (key_pool_refill() || release_stacks());
}
