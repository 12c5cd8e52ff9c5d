#include "proxy/crypto/gcm.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "proxy/base/error.h"
#include "proxy/crypto/library.h"

/* The manager's layout is that of the header, so the library must have its version. */
enum { MAJOR = IMB_VERSION_NUM >> 16 };

static const char *const folders[] = {
    "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", NULL};

static struct {
    void *library;
    IMB_MGR *manager;
    void (*free_manager)(IMB_MGR *manager);
    char description[32];
} gcm;

_Static_assert(sizeof(struct gcm_key_data) <= GCM_EXPANDED_MAX, "room for a key");
_Static_assert(_Alignof(struct gcm_key_data) <= GCM_ALIGNMENT, "a key's alignment");

/* The library tells whether there is VAES, which clang 14 cannot ask for. */
static bool cpu_can(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq");
}

static bool make_manager(struct error *err)
{
    IMB_MGR *(*allocate)(uint64_t flags);
    void (*init)(IMB_MGR * manager, IMB_ARCH * arch);
    const char *(*version)(void);
    IMB_ARCH arch = IMB_ARCH_NONE;

    *(void **)&allocate = dlsym(gcm.library, "alloc_mb_mgr");
    *(void **)&init = dlsym(gcm.library, "init_mb_mgr_auto");
    *(void **)&version = dlsym(gcm.library, "imb_get_version_str");
    *(void **)&gcm.free_manager = dlsym(gcm.library, "free_mb_mgr");
    if (allocate == NULL || init == NULL || version == NULL || gcm.free_manager == NULL)
        return error_set(err, "the ipsec-mb found here lacks its functions");
    gcm.manager = allocate(0);
    if (gcm.manager == NULL)
        return error_set(err, "no memory for ipsec-mb");
    init(gcm.manager, &arch);
    if (arch != IMB_ARCH_AVX512 || (gcm.manager->features & IMB_FEATURE_VAES) == 0)
        return error_set(err, "ipsec-mb does not use this CPU's AVX-512");
    (void)snprintf(gcm.description, sizeof(gcm.description), "ipsec-mb %s", version());
    return true;
}

bool gcm_start(struct error *err)
{
    char name[] = "libIPSec_MB.so.0";
    const char *const names[] = {name, NULL};

    if (!cpu_can())
        return error_set(err, "no VAES with AVX-512 on this CPU");
    (void)snprintf(name, sizeof(name), "libIPSec_MB.so.%d", MAJOR);
    gcm.library = library_open(folders, names, err);
    if (gcm.library == NULL)
        return false;
    if (make_manager(err))
        return true;
    gcm_stop();
    return false;
}

void gcm_stop(void)
{
    if (gcm.manager != NULL)
        gcm.free_manager(gcm.manager);
    if (gcm.library != NULL)
        (void)dlclose(gcm.library);
    memset(&gcm, 0, sizeof(gcm));
}

bool gcm_is_there(void)
{
    return gcm.manager != NULL;
}

const char *gcm_description(void)
{
    return gcm.description;
}

void gcm_expand(void *expanded, const unsigned char *key, bool aes256)
{
    if (aes256)
        IMB_AES256_GCM_PRE(gcm.manager, key, expanded);
    else
        IMB_AES128_GCM_PRE(gcm.manager, key, expanded);
}

void gcm_seal(const struct gcm_message *m, unsigned char *to, const unsigned char *from,
    size_t len, const unsigned char *last, unsigned char tag[GCM_TAG])
{
    const struct IMB_MGR *mb = gcm.manager;
    struct gcm_context_data state;

    if (m->aes256) {
        mb->gcm256_init(m->expanded, &state, m->nonce, m->aad, m->aad_len);
        mb->gcm256_enc_update(m->expanded, &state, to, from, len);
        if (last != NULL)
            mb->gcm256_enc_update(m->expanded, &state, to + len, last, 1);
        mb->gcm256_enc_finalize(m->expanded, &state, tag, GCM_TAG);
    } else {
        mb->gcm128_init(m->expanded, &state, m->nonce, m->aad, m->aad_len);
        mb->gcm128_enc_update(m->expanded, &state, to, from, len);
        if (last != NULL)
            mb->gcm128_enc_update(m->expanded, &state, to + len, last, 1);
        mb->gcm128_enc_finalize(m->expanded, &state, tag, GCM_TAG);
    }
    OPENSSL_cleanse(&state, sizeof(state)); /* the mask of a last block is in it */
}

void gcm_open(const struct gcm_message *m, unsigned char *to, const unsigned char *from,
    size_t len, unsigned char tag[GCM_TAG])
{
    const struct IMB_MGR *mb = gcm.manager;
    struct gcm_context_data state;

    if (m->aes256)
        mb->gcm256_dec(m->expanded, &state, to, from, len, m->nonce, m->aad, m->aad_len,
            tag, GCM_TAG);
    else
        mb->gcm128_dec(m->expanded, &state, to, from, len, m->nonce, m->aad, m->aad_len,
            tag, GCM_TAG);
    OPENSSL_cleanse(&state, sizeof(state));
}
