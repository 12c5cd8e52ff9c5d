#include "proxy/crypto/multibuffer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/crypto/library.h"

/* As in the library's public header, up to the last field that we read. */
struct multibuffer_version {
    int major, minor, patch;
};

enum algorithm { /* its numbers, not ours */
    ALGORITHM_RSA_2K = 1,
    ALGORITHM_RSA_3K,
    ALGORITHM_RSA_4K,
    ALGORITHM_X25519,
    ALGORITHM_P256,
    ALGORITHM_P384,
};

/* The system's library is used, so that the distribution's fixes apply. A build for
 * measurements may name a folder with an unpacked one (WLB_CRYPTO_MB_FOLDER of CMake); an
 * installed build never does. */
static const char *const folders[] = {
#ifdef WLB_CRYPTO_MB_FOLDER
    WLB_CRYPTO_MB_FOLDER,
#endif
    "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", NULL};
static const char *const names[] = {"libcrypto_mb.so.11", "libcrypto_mb.so.12", NULL};

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    {"mbx_nistp256_ecpublic_key_mb8", offsetof(struct multibuffer, p256_public)},
    {"mbx_nistp384_ecpublic_key_mb8", offsetof(struct multibuffer, p384_public)},
    {"mbx_nistp256_ecdh_mb8", offsetof(struct multibuffer, p256_ecdh)},
    {"mbx_nistp384_ecdh_mb8", offsetof(struct multibuffer, p384_ecdh)},
    {"mbx_nistp256_ecdsa_sign_mb8", offsetof(struct multibuffer, p256_ecdsa)},
    {"mbx_nistp384_ecdsa_sign_mb8", offsetof(struct multibuffer, p384_ecdsa)},
    {"mbx_rsa_private_crt_mb8", offsetof(struct multibuffer, rsa_private)},
    {"mbx_RSA_private_crt_Method", offsetof(struct multibuffer, rsa_private_method)},
    {"mbx_RSA_Method_BufSize", offsetof(struct multibuffer, rsa_scratch_len)},
    {"mbx_get_algo_info", offsetof(struct multibuffer, algorithm_lanes)},
    {"mbx_getversion", offsetof(struct multibuffer, version)},
};

/* avx512ifma counts only where the kernel saves the registers: the compiler's built-in
 * checks XCR0 as well. */
static bool cpu_can(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi2") &&
        __builtin_cpu_supports("bmi2");
#else
    return false;
#endif
}

static bool resolve(struct multibuffer *library, void *handle, struct error *err)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *function = dlsym(handle, symbols[i].name);

        if (function == NULL)
            return error_set(err, "the crypto_mb found here lacks %s", symbols[i].name);
        memcpy((char *)library + symbols[i].offset, &function, sizeof(function));
    }
    return true;
}

static bool supports_all(const struct multibuffer *library)
{
    for (int algorithm = ALGORITHM_RSA_2K; algorithm <= ALGORITHM_P384; algorithm++) {
        if (algorithm != ALGORITHM_X25519 &&
            (library->algorithm_lanes(algorithm) & LANES) == 0)
            return false;
    }
    return true;
}

bool multibuffer_load(struct multibuffer *library, struct error *err)
{
    const struct multibuffer_version *version;
    void *handle;

    if (!cpu_can())
        return error_set(err, "no AVX-512 IFMA on this CPU");
    handle = library_open(folders, names, err);
    if (handle == NULL)
        return false;
    /* The handle is kept, because the resolved functions are used until the process
     * ends. */
    if (!resolve(library, handle, err))
        return false;
    if (!supports_all(library))
        return error_set(err, "crypto_mb does not support this CPU");
    version = library->version();
    (void)snprintf(library->description, sizeof(library->description),
        "crypto_mb %d.%d.%d", version->major, version->minor, version->patch);
    return true;
}
