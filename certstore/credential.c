#include "certstore/credential.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/pem.h"
#include "certstore/secrets.h"
#include "proxy/base/bytes.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

struct credential {
    int refs;
    struct judged_pair pair;
    struct credential_summary summary;
};

static void summarise(struct credential *c)
{
    struct credential_summary *s = &c->summary;

    certificate_subject(c->pair.leaf, s->subject, sizeof(s->subject));
    certificate_names(c->pair.leaf, s->names, sizeof(s->names));
    certificate_issuer(c->pair.leaf, s->issuer, sizeof(s->issuer));
    certificate_serial(c->pair.leaf, s->serial, sizeof(s->serial));
    certificate_sha256(c->pair.leaf, s->sha256);
    key_describe(c->pair.key, s->key, sizeof(s->key));
    s->not_before = certificate_not_before(c->pair.leaf);
    s->not_after = certificate_not_after(c->pair.leaf);
    s->self_signed = certificate_is_self_signed(c->pair.leaf);
    s->chain_len = 1 + (size_t)sk_X509_num(c->pair.chain);
}

void judged_pair_destroy(struct judged_pair *pair)
{
    X509_free(pair->leaf);
    sk_X509_pop_free(pair->chain, X509_free);
    sk_X509_pop_free(pair->unsent, X509_free);
    EVP_PKEY_free(pair->key);
    secrets_free((char *)pair->key_der, pair->key_der_len);
    *pair = (struct judged_pair){0};
}

struct credential *credential_of_pair(struct judged_pair *pair)
{
    struct credential *c = memory_new(sizeof(*c));

    c->refs = 1;
    c->pair = *pair;
    *pair = (struct judged_pair){0};
    summarise(c);
    return c;
}

struct credential *credential_ref(struct credential *credential)
{
    credential->refs++;
    return credential;
}

void credential_unref(struct credential *credential)
{
    if (credential == NULL || --credential->refs > 0)
        return;
    assert(credential->refs == 0);
    judged_pair_destroy(&credential->pair);
    free(credential);
}

const struct credential_summary *credential_summary(const struct credential *credential)
{
    return &credential->summary;
}

bool credential_equal(const struct credential *a, const struct credential *b)
{
    int count = sk_X509_num(a->pair.chain);
    bool equal = count == sk_X509_num(b->pair.chain) &&
        X509_cmp(a->pair.leaf, b->pair.leaf) == 0 &&
        EVP_PKEY_eq(a->pair.key, b->pair.key) == 1;

    for (int i = 0; equal && i < count; i++)
        equal = X509_cmp(sk_X509_value(a->pair.chain, i),
                    sk_X509_value(b->pair.chain, i)) == 0;
    return equal;
}

X509 *credential_leaf(const struct credential *credential)
{
    return credential->pair.leaf;
}

struct stack_st_X509 *credential_chain(const struct credential *credential)
{
    return credential->pair.chain;
}

EVP_PKEY *credential_key(const struct credential *credential)
{
    return credential->pair.key;
}

const unsigned char *credential_key_der(const struct credential *credential, size_t *len)
{
    *len = credential->pair.key_der_len;
    return credential->pair.key_der;
}

uint64_t credential_key_number(const struct credential *credential)
{
    return certificate_key_number(credential->pair.leaf);
}

const struct judged_pair *credential_pair(const struct credential *credential)
{
    return &credential->pair;
}

bool credential_member(const struct credential *credential, size_t i, char *subject,
    size_t size, time_t *not_before, time_t *not_after)
{
    const X509 *member = credential->pair.leaf;

    if (i > (size_t)sk_X509_num(credential->pair.chain))
        return false;
    if (i > 0)
        member = sk_X509_value(credential->pair.chain, (int)i - 1);
    certificate_subject(member, subject, size);
    *not_before = certificate_not_before(member);
    *not_after = certificate_not_after(member);
    return true;
}

/* ---- as bytes ---- */

/* Each part is a 32-bit length and DER: the key (or nothing), the leaf, then the chain.
 * Both processes are of one machine and one build, so the byte order is the machine's. */

static char *put(char *at, const unsigned char *der, size_t len)
{
    uint32_t prefix = (uint32_t)len;

    memcpy(at, &prefix, sizeof(prefix));
    if (len > 0)
        memcpy(at + sizeof(prefix), der, len);
    return at + sizeof(prefix) + len;
}

static char *put_certificate(char *at, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    memory_require(len > 0); /* it was parsed from DER */
    at = put(at, der, (size_t)len);
    OPENSSL_free(der);
    return at;
}

static size_t packed_size(X509 *certificate)
{
    return sizeof(uint32_t) + (size_t)i2d_X509(certificate, NULL);
}

char *credential_pack(const struct credential *credential, bool with_key, size_t *len)
{
    const struct judged_pair *pair = &credential->pair;
    const size_t key_len = with_key ? pair->key_der_len : 0;
    char *bytes, *at;

    *len = sizeof(uint32_t) + key_len + packed_size(pair->leaf);
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        *len += packed_size(sk_X509_value(pair->chain, i));
    bytes = secrets_alloc(*len);
    at = put(bytes, pair->key_der, key_len);
    at = put_certificate(at, pair->leaf);
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        at = put_certificate(at, sk_X509_value(pair->chain, i));
    return bytes;
}

static bool take(struct bytes *from, struct bytes *part)
{
    uint32_t len;

    return bytes_copy(from, &len, sizeof(len)) && bytes_take(from, len, part);
}

static X509 *take_certificate(struct bytes *from, OSSL_LIB_CTX *libctx)
{
    struct bytes der;

    return take(from, &der) ? certificate_parse(der.at, der.len, false, libctx) : NULL;
}

/* True where there is no key, too. */
static bool take_key(struct judged_pair *pair, struct bytes *from, OSSL_LIB_CTX *libctx,
    credential_key_reader *read_key)
{
    struct bytes der;

    if (!take(from, &der))
        return false;
    if (der.len == 0)
        return true;
    if (read_key == NULL || (pair->key = read_key(der.at, der.len, libctx)) == NULL)
        return false;
    pair->key_der = secrets_alloc(der.len);
    pair->key_der_len = der.len;
    memcpy(pair->key_der, der.at, der.len);
    return true;
}

static bool has_its_key(struct judged_pair *pair)
{
    if (pair->key == NULL)
        pair->key = X509_get_pubkey(pair->leaf);
    return pair->key != NULL && X509_check_private_key(pair->leaf, pair->key) == 1;
}

static bool take_pair(struct judged_pair *pair, struct bytes *from, OSSL_LIB_CTX *libctx,
    credential_key_reader *read_key)
{
    pair->chain = memory_checked(sk_X509_new_null());
    if (!take_key(pair, from, libctx, read_key))
        return false;
    pair->leaf = take_certificate(from, libctx);
    while (pair->leaf != NULL && from->len > 0) {
        X509 *certificate = take_certificate(from, libctx);

        if (certificate == NULL || sk_X509_num(pair->chain) == PEM_BLOCKS_MAX)
            return false;
        memory_require(sk_X509_push(pair->chain, certificate) != 0);
    }
    return pair->leaf != NULL && has_its_key(pair);
}

struct credential *credential_unpack(const char *bytes, size_t len, OSSL_LIB_CTX *libctx,
    credential_key_reader *read_key, struct error *err)
{
    struct judged_pair pair = {0};
    struct bytes from = {(const unsigned char *)bytes, len};

    if (take_pair(&pair, &from, libctx, read_key))
        return credential_of_pair(&pair);
    ERR_clear_error();
    judged_pair_destroy(&pair);
    error_set(err, "a certificate and key from another process cannot be read");
    return NULL;
}
