#include "proxy/crypto/signing_request.h"

#include "proxy/crypto/engine.h"
#include "proxy/crypto/padding.h"
#include "proxy/crypto/signature_scheme.h"

static enum operation_kind kind_of(const struct signing_key *key)
{
    if (key->curve != NULL)
        return key->curve == &key_exchange_groups[KEY_EXCHANGE_P256]
            ? OPERATION_P256_SIGN
            : OPERATION_P384_SIGN;
    return key->bits == 2048 ? OPERATION_RSA_2048
        : key->bits == 3072  ? OPERATION_RSA_3072
                             : OPERATION_RSA_4096;
}

void signing_request_init_remote(struct signing_request *request,
    const struct signing_key *key, uint16_t scheme, const unsigned char *input,
    size_t input_len)
{
    request->operation.kind = OPERATION_REMOTE_SIGN;
    request->operation.job.signing = (struct signing_job){.key = key,
        .input = input,
        .input_len = input_len,
        .scheme = scheme,
        .signature = request->signature};
}

static bool init_remote(struct signing_request *request, const struct signing_key *key,
    const struct digest *digest, bool pss)
{
    const struct signature_scheme *scheme =
        signature_scheme_for(key->curve != NULL ? "EC" : "RSA",
            key->curve != NULL ? SIGNATURE_ECDSA
                : pss          ? SIGNATURE_PSS
                               : SIGNATURE_PKCS1,
            digest->names[0]);

    if (scheme != NULL)
        signing_request_init_remote(request, key, scheme->id, request->hash, digest->len);
    return scheme != NULL;
}

bool signing_request_init(struct signing_request *request, const struct signing_key *key,
    const struct digest *digest, bool pss)
{
    struct signing_job *job = &request->operation.job.signing;
    size_t len = (size_t)key->bits / 8;

    if (key->remote != 0)
        return init_remote(request, key, digest, pss);
    request->operation.kind = kind_of(key);
    *job = (struct signing_job){.key = key,
        .input = request->hash,
        .input_len = digest->len,
        .signature = request->signature};
    if (key->curve != NULL)
        return true;
    job->input = request->block;
    job->input_len = len;
    return pss ? padding_pss(digest, engine_libctx(), request->hash, request->block, len)
               : padding_pkcs1(digest, request->hash, request->block, len);
}
