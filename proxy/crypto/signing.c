#include "proxy/crypto/signing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proxy/crypto/ecdsa_check.h"
#include "proxy/crypto/secret_pages.h"
#include "proxy/crypto/signing_private.h"

static struct signing_workspace *workspace;

struct signing_workspace *signing_workspace(void)
{
    return workspace;
}

bool signing_start(const struct multibuffer *library, OSSL_LIB_CTX *libctx)
{
    int scratch_len = library->rsa_scratch_len(library->rsa_private_method(RSA_BITS_MAX));

    if (scratch_len <= 0)
        return false;
    workspace = secret_pages_new(sizeof(*workspace) + (size_t)scratch_len);
    if (workspace == NULL)
        return false;
    workspace->library = library;
    workspace->libctx = libctx;
    workspace->sha512 = EVP_MD_fetch(libctx, "SHA512", NULL);
    workspace->rsa_scratch = (uint8_t *)(workspace + 1);
    workspace->rsa_scratch_len = (size_t)scratch_len;
    return workspace->sha512 != NULL;
}

void signing_stop(void)
{
    if (workspace == NULL)
        return;
    EVP_MD_free(workspace->sha512);
    secret_pages_free(workspace, sizeof(*workspace) + workspace->rsa_scratch_len);
    workspace = NULL;
}

void signing_alone(struct signing_job *job)
{
    job->signature_len = SIGNATURE_MAX;
    job->ok = EVP_PKEY_sign(job->key->alone, job->signature, &job->signature_len,
                  job->input, job->input_len) == 1 &&
        (job->key->alone_checks || signing_is_right(job));
    if (!job->ok)
        OPENSSL_cleanse(job->signature, SIGNATURE_MAX);
}

void signing_finish(struct signing_job *job, bool made)
{
    job->ok = made && signing_is_right(job);
    if (!job->ok)
        signing_alone(job);
}

static bool passes_quickly(const struct signing_job *job)
{
    return job->key->quick_check != NULL &&
        ecdsa_check_passes(job->key->quick_check, job->input, job->input_len,
            job->signature, job->signature_len);
}

bool signing_is_right(const struct signing_job *job)
{
    return passes_quickly(job) ||
        (job->key->check != NULL &&
            EVP_PKEY_verify(job->key->check, job->signature, job->signature_len,
                job->input, job->input_len) == 1);
}
