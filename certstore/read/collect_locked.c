#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/read/collect_parts.h"
#include "certstore/secrets.h"
#include "config/remedy.h"

void collect_needs_password(struct collecting *c, bool is_key)
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
    collect_other(c, COLLECTED_LOCKED_KEY);
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

/* RFC 7914 section 7.1. The library bounds the memory, not the time: that is N * r * p
 * times what a round of PBKDF2 takes. */
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

bool collect_rounds_bearable(struct collecting *c, const X509_ALGOR *algorithm)
{
    return is_bearable(c, rounds_of(algorithm));
}

bool collect_count_bearable(struct collecting *c, const ASN1_INTEGER *rounds)
{
    return is_bearable(c, integer(rounds));
}

/* --- a key in PKCS#8, encrypted -------------------------------------------------------
 */

EVP_PKEY *collect_open_key(
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

bool collect_locked_key(struct collecting *c, const unsigned char *der, size_t len)
{
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, (long)len);
    const X509_ALGOR *algorithm = NULL;
    EVP_PKEY *key = NULL;

    if (sealed == NULL)
        return false;
    X509_SIG_get0(sealed, &algorithm, NULL);
    if (collect_rounds_bearable(c, algorithm)) {
        key = collect_open_key(sealed, c->password == NULL ? "" : c->password, NULL);
        if (key != NULL)
            collect_key(c, key);
        else
            collect_needs_password(c, true);
    }
    X509_SIG_free(sealed);
    return true;
}
