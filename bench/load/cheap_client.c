/* EC_KEY_METHOD is deprecated, and is the shortest way. The two functions of libcrypto
 * that are defined here are called by libssl instead of the library's own. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "bench/load/cheap_client.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum { CERTIFICATES = 16 };

typedef int keygen_function(EC_KEY *key);
typedef int compute_function(
    unsigned char **secret, size_t *len, const EC_POINT *peer, const EC_KEY *key);

static compute_function *usual_compute;
static bool in_use;
static struct known {
    unsigned char *der;
    size_t len;
    X509 *certificate;
} known[CERTIFICATES];

/* The library's function multiplies the server's point by the curve's order. */
int EVP_PKEY_derive_set_peer(EVP_PKEY_CTX *context, EVP_PKEY *peer)
{
    return EVP_PKEY_derive_set_peer_ex(context, peer, in_use ? 0 : 1);
}

static X509 *find(const unsigned char *der, size_t len)
{
    for (size_t i = 0; in_use && i < CERTIFICATES; i++) {
        if (known[i].len == len && memcmp(known[i].der, der, len) == 0)
            return known[i].certificate;
    }
    return NULL;
}

/* The oldest entry is replaced. */
static void remember(X509 *certificate, const unsigned char *der, size_t len)
{
    static size_t next;
    struct known *k = &known[next++ % CERTIFICATES];
    unsigned char *copy = OPENSSL_memdup(der, len);

    if (copy == NULL || !X509_up_ref(certificate))
        abort();
    OPENSSL_free(k->der);
    X509_free(k->certificate);
    *k = (struct known){copy, len, certificate};
}

X509 *d2i_X509(X509 **out, const unsigned char **at, long len)
{
    const unsigned char *der = *at;
    X509 *certificate = find(der, (size_t)len);

    if (certificate == NULL) {
        certificate =
            (X509 *)ASN1_item_d2i((ASN1_VALUE **)out, at, len, ASN1_ITEM_rptr(X509));
        if (certificate != NULL && in_use)
            remember(certificate, der, (size_t)(*at - der));
        return certificate;
    }
    X509_up_ref(certificate);
    *at += len;
    if (out != NULL) {
        X509_free(*out);
        *out = certificate;
    }
    return certificate;
}

static int keygen(EC_KEY *key)
{
    const EC_GROUP *group = EC_KEY_get0_group(key);

    return EC_KEY_set_private_key(key, BN_value_one()) &&
        EC_KEY_set_public_key(key, EC_GROUP_get0_generator(group));
}

static int compute(
    unsigned char **secret, size_t *len, const EC_POINT *peer, const EC_KEY *key)
{
    const EC_GROUP *group = EC_KEY_get0_group(key);
    int size = (EC_GROUP_get_degree(group) + 7) / 8;
    BIGNUM *x = BN_new();
    int done = 0;

    if (!BN_is_one(EC_KEY_get0_private_key(key))) {
        BN_free(x);
        return usual_compute(secret, len, peer, key);
    }
    *len = (size_t)size;
    *secret = OPENSSL_malloc(*len);
    if (x != NULL && *secret != NULL &&
        EC_POINT_get_affine_coordinates(group, peer, x, NULL, NULL))
        done = BN_bn2binpad(x, *secret, size) == size;
    BN_free(x);
    return done;
}

bool cheap_client_use(void)
{
    EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

    if (method == NULL)
        return false;
    EC_KEY_METHOD_get_compute_key(method, &usual_compute);
    EC_KEY_METHOD_set_keygen(method, keygen);
    EC_KEY_METHOD_set_compute_key(method, compute);
    EC_KEY_set_default_method(method);
    in_use = true;
    return true;
}

void cheap_client_stop(void)
{
    for (size_t i = 0; i < CERTIFICATES; i++) {
        OPENSSL_free(known[i].der);
        X509_free(known[i].certificate);
    }
    memset(known, 0, sizeof(known));
    in_use = false;
}
