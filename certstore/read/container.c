#include "certstore/read/container.h"

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/secrets.h"
#include "config/remedy.h"

enum { BAG_DEPTH_MAX = 4 };

void container_needs_password(struct collecting *c, bool is_key)
{
    const char *what = is_key ? "the private key" : "the PKCS#12 container";
    const char *remedy = is_key
        ? "write the passphrase into a file and name that: --password-file "
          "PASSWORD_FILE; or decrypt the key: " COMMAND(
              "(umask 077; set -C; openssl pkey -in FILE > FILE.clear)")
        : "write the password into a file and name that: --password-file PASSWORD_FILE; "
          "or unpack it: " COMMAND(
              "(umask 077; set -C; openssl pkcs12 -in FILE -nodes > FILE.pem)");

    findings_add(c->findings, "key-encrypted", SEVERITY_REFUSED, c->file,
        "nobody is there to type the passphrase when the proxy starts", remedy,
        c->password == NULL ? "%s is encrypted with a passphrase"
                            : "%s is encrypted, and not with the password that was given",
        what);
    collecting_other(c, COLLECTED_LOCKED_KEY);
}

static long integer(const ASN1_INTEGER *number)
{
    int64_t value = 0;

    if (number == NULL || ASN1_INTEGER_get_int64(&value, number) != 1)
        return DERIVATION_ROUNDS_MAX + 1L;
    return value < 0 || value > DERIVATION_ROUNDS_MAX ? DERIVATION_ROUNDS_MAX + 1L
                                                      : (long)value;
}

static void *unpack(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
    const void *value;
    int type;

    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

/* RFC 8018 section 5.2 */
static long rounds_of_pbkdf2(const X509_ALGOR *function)
{
    PBKDF2PARAM *derivation = unpack(function, ASN1_ITEM_rptr(PBKDF2PARAM));
    long rounds = derivation == NULL ? 0 : integer(derivation->iter);

    PBKDF2PARAM_free(derivation);
    return rounds;
}

/* RFC 7914 section 7.1. The library bounds the memory, not the time, which is N * r * p
 * times that of a round of PBKDF2. */
static long rounds_of_scrypt(const X509_ALGOR *function)
{
    SCRYPT_PARAMS *derivation = unpack(function, ASN1_ITEM_rptr(SCRYPT_PARAMS));
    long rounds = 0;

    if (derivation != NULL) {
        rounds = integer(derivation->costParameter) * integer(derivation->blockSize);
        if (rounds <= DERIVATION_ROUNDS_MAX)
            rounds *= integer(derivation->parallelizationParameter);
    }
    SCRYPT_PARAMS_free(derivation);
    return rounds;
}

static long rounds_of_pbes2(const X509_ALGOR *algorithm)
{
    PBE2PARAM *scheme = unpack(algorithm, ASN1_ITEM_rptr(PBE2PARAM));
    const ASN1_OBJECT *name;
    long rounds = 0;

    if (scheme != NULL && scheme->keyfunc != NULL) {
        X509_ALGOR_get0(&name, NULL, NULL, scheme->keyfunc);
        rounds = OBJ_obj2nid(name) == NID_id_scrypt ? rounds_of_scrypt(scheme->keyfunc)
                                                    : rounds_of_pbkdf2(scheme->keyfunc);
    }
    PBE2PARAM_free(scheme);
    return rounds;
}

static long rounds_of(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *name;
    PBEPARAM *scheme;
    long rounds;

    if (algorithm == NULL)
        return 0;
    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    if (OBJ_obj2nid(name) == NID_pbes2)
        return rounds_of_pbes2(algorithm);
    scheme = unpack(algorithm, ASN1_ITEM_rptr(PBEPARAM));
    rounds = scheme == NULL || scheme->iter == NULL ? 0 : integer(scheme->iter);
    PBEPARAM_free(scheme);
    return rounds;
}

static bool is_bearable(struct collecting *c, long rounds)
{
    if (rounds <= DERIVATION_ROUNDS_MAX - c->rounds) {
        c->rounds += rounds;
        return true;
    }
    findings_add(c->findings, "password-too-costly", SEVERITY_REFUSED, c->file,
        "opening it would keep this machine busy for minutes or hours",
        "have it exported again, with the usual settings",
        "its password protection asks for more than %d rounds", DERIVATION_ROUNDS_MAX);
    return false;
}

static bool is_bearable_algorithm(struct collecting *c, const X509_ALGOR *algorithm)
{
    return is_bearable(c, rounds_of(algorithm));
}

static bool is_bearable_count(struct collecting *c, const ASN1_INTEGER *rounds)
{
    return is_bearable(c, integer(rounds));
}

/* ---- a key in PKCS#8, encrypted ---- */

static EVP_PKEY *open_key(
    const X509_SIG *sealed, const char *password, OSSL_LIB_CTX *libctx)
{
    PKCS8_PRIV_KEY_INFO *open;
    EVP_PKEY *key = NULL;

    secrets_wiping_begin();
    open = PKCS8_decrypt_ex(sealed, password, (int)strlen(password), libctx, NULL);
    if (open != NULL)
        key = EVP_PKCS82PKEY_ex(open, libctx, NULL);
    PKCS8_PRIV_KEY_INFO_free(open);
    secrets_wiping_end();
    ERR_clear_error();
    return key;
}

bool container_locked_key(struct collecting *c, const unsigned char *der, size_t len)
{
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, (long)len);
    const X509_ALGOR *algorithm = NULL;
    EVP_PKEY *key = NULL;

    if (sealed == NULL)
        return false;
    X509_SIG_get0(sealed, &algorithm, NULL);
    if (is_bearable_algorithm(c, algorithm)) {
        key = open_key(sealed, c->password == NULL ? "" : c->password, NULL);
        if (key != NULL)
            collecting_key(c, key);
        else
            container_needs_password(c, true);
    }
    X509_SIG_free(sealed);
    return true;
}

/* The contents of a container while it is opened. */
struct opening {
    struct collecting *c;
    OSSL_LIB_CTX *libctx;
    const char *password;
    unsigned locked; /* bags that the password did not open */
};

/* ---- PKCS#7 ---- */

bool container_pkcs7(struct collecting *c, const unsigned char *der, size_t len)
{
    PKCS7 *bundle = d2i_PKCS7(NULL, &der, (long)len);
    const STACK_OF(X509) *certificates = NULL;

    if (bundle == NULL)
        return false;
    c->format = "PKCS#7";
    if (PKCS7_type_is_signed(bundle) && bundle->d.sign != NULL)
        certificates = bundle->d.sign->cert;
    for (int i = 0; i < sk_X509_num(certificates) && !c->full; i++) {
        X509 *certificate = sk_X509_value(certificates, i);

        (void)X509_up_ref(certificate);
        collecting_certificate(c, certificate);
    }
    if (sk_X509_num(certificates) <= 0)
        findings_add(c->findings, "no-certificate", SEVERITY_REFUSED, c->file,
            "a server shows its certificate to every client",
            "ask the CA for the certificate chain as PEM",
            "it is a PKCS#7 bundle without certificates");
    PKCS7_free(bundle);
    return true;
}

/* ---- PKCS#12 ---- */

static void take_bags(
    struct opening *o, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth);

static void take_locked_bag(struct opening *o, const PKCS12_SAFEBAG *bag)
{
    const X509_SIG *sealed = PKCS12_SAFEBAG_get0_pkcs8(bag);
    const X509_ALGOR *algorithm;
    EVP_PKEY *key;

    if (sealed == NULL)
        return;
    X509_SIG_get0(sealed, &algorithm, NULL);
    if (!is_bearable_algorithm(o->c, algorithm))
        return;
    key = open_key(sealed, o->password, o->libctx);
    if (key != NULL)
        collecting_key(o->c, key);
    else
        o->locked++;
}

static void take_open_bag(struct opening *o, const PKCS12_SAFEBAG *bag)
{
    const PKCS8_PRIV_KEY_INFO *open = PKCS12_SAFEBAG_get0_p8inf(bag);
    EVP_PKEY *key = open == NULL ? NULL : EVP_PKCS82PKEY(open);

    if (key != NULL)
        collecting_key(o->c, key);
}

static void take_bag(struct opening *o, const PKCS12_SAFEBAG *bag, int depth)
{
    X509 *certificate;

    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        take_open_bag(o, bag);
        break;
    case NID_pkcs8ShroudedKeyBag:
        take_locked_bag(o, bag);
        break;
    case NID_certBag:
        certificate = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate
            ? PKCS12_SAFEBAG_get1_cert(bag)
            : NULL;
        if (certificate != NULL)
            collecting_certificate(o->c, certificate);
        break;
    case NID_safeContentsBag:
        if (depth < BAG_DEPTH_MAX)
            take_bags(o, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
        break;
    default:
        break;
    }
}

static void take_bags(struct opening *o, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth)
{
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && !o->c->full; i++)
        take_bag(o, sk_PKCS12_SAFEBAG_value(bags, i), depth);
}

static STACK_OF(PKCS12_SAFEBAG) * open_safe(struct opening *o, PKCS7 *safe)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

    if (PKCS7_type_is_data(safe))
        return PKCS12_unpack_p7data(safe);
    if (!PKCS7_type_is_encrypted(safe) || safe->d.encrypted == NULL ||
        !is_bearable_algorithm(o->c, safe->d.encrypted->enc_data->algorithm))
        return NULL;
    bags = PKCS12_unpack_p7encdata(safe, o->password, (int)strlen(o->password));
    o->locked += bags == NULL;
    return bags;
}

static void take_safes(struct opening *o, PKCS12 *container)
{
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(container);

    for (int i = 0; i < sk_PKCS7_num(safes) && !o->c->full; i++) {
        STACK_OF(PKCS12_SAFEBAG) *bags = open_safe(o, sk_PKCS7_value(safes, i));

        take_bags(o, bags, 0);
        sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
}

static bool password_fits(struct opening *o, PKCS12 *container)
{
    const ASN1_INTEGER *rounds = NULL;

    if (PKCS12_mac_present(container) != 1)
        return true;
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, container);
    if (rounds != NULL && !is_bearable_count(o->c, rounds))
        return false;
    return PKCS12_verify_mac(container, o->password, (int)strlen(o->password)) == 1 ||
        (*o->password == '\0' && PKCS12_verify_mac(container, NULL, 0) == 1);
}

/* RC2 and the like, found in old exports, are in OpenSSL's legacy provider. It is never
 * freed: it costs little, and collected objects refer to it. */
static OSSL_LIB_CTX *legacy_library(void)
{
    static OSSL_LIB_CTX *library;

    if (library != NULL)
        return library;
    library = OSSL_LIB_CTX_new();
    if (library != NULL && OSSL_PROVIDER_load(library, "default") != NULL)
        (void)OSSL_PROVIDER_load(library, "legacy");
    ERR_clear_error();
    return library;
}

void container_prepare(void)
{
    (void)legacy_library();
}

static PKCS12 *parse_pkcs12(const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx)
{
    PKCS12 *container = PKCS12_init_ex(NID_pkcs7_data, libctx, NULL);

    return d2i_PKCS12(&container, &der, (long)len);
}

static void tell_locked(struct opening *o, size_t taken)
{
    if (taken > 0)
        findings_add(o->c->findings, "container-unreadable", SEVERITY_REFUSED, o->c->file,
            "a part of what it holds is missing then",
            "have it exported again with AES-256 and SHA-256, or convert it: " COMMAND(
                "(umask 077; set -C; openssl pkcs12 -legacy -in FILE -nodes > FILE.pem)"),
            "%u part%s of the PKCS#12 container cannot be decrypted by this OpenSSL",
            o->locked, o->locked == 1 ? "" : "s");
    else
        container_needs_password(o->c, false);
}

bool container_pkcs12(struct collecting *c, const unsigned char *der, size_t len)
{
    struct opening o = {.c = c, .password = c->password == NULL ? "" : c->password};
    PKCS12 *container = parse_pkcs12(der, len, NULL);
    const size_t before = c->collection->count, told = c->findings->count;

    if (container == NULL)
        return false;
    PKCS12_free(container);
    c->format = "PKCS#12";
    o.libctx = legacy_library();
    container = parse_pkcs12(der, len, o.libctx);
    if (container != NULL && !password_fits(&o, container))
        o.locked = 1;
    else if (container != NULL)
        take_safes(&o, container);
    PKCS12_free(container);
    ERR_clear_error();
    if (o.locked > 0 && c->findings->count == told)
        tell_locked(&o, c->collection->count - before);
    return true;
}
