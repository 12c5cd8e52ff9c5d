#include "certstore/certificate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/printable.h"

X509 *certificate_parse(
    const unsigned char *der, size_t len, bool trusted, OSSL_LIB_CTX *libctx)
{
    X509 *certificate = X509_new_ex(libctx, NULL);
    const unsigned char *at = der;

    if (d2i_X509(&certificate, &at, (long)len) == NULL) {
        ERR_clear_error();
        return NULL; /* d2i freed it */
    }
    if (!trusted && at != der + len) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Moves what was printed into the caller's text. */
static void take_text(BIO *bio, char *text, size_t size)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    printable(bytes, len > 0 ? (size_t)len : 0, text, size);
    BIO_free(bio);
}

void name_text(const X509_NAME *name, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());

    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    take_text(bio, text, size);
}

void certificate_subject(const X509 *certificate, char *text, size_t size)
{
    name_text(X509_get_subject_name(certificate), text, size);
}

void certificate_issuer(const X509 *certificate, char *text, size_t size)
{
    name_text(X509_get_issuer_name(certificate), text, size);
}

void certificate_serial(const X509 *certificate, char *text, size_t size)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number == NULL ? NULL : BN_bn2hex(number);

    (void)snprintf(text, size, "%s", hex == NULL ? "" : hex);
    OPENSSL_free(hex);
    BN_free(number);
}

static void fingerprint(
    const X509 *certificate, const EVP_MD *digest, char *text, size_t size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    text[0] = '\0';
    if (X509_digest(certificate, digest, bytes, &len) != 1)
        return;
    for (size_t i = 0; i < len && 2 * i + 2 < size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

void certificate_sha256(const X509 *certificate, char text[65])
{
    fingerprint(certificate, EVP_sha256(), text, 65);
}

void certificate_sha1(const X509 *certificate, char text[41])
{
    fingerprint(certificate, EVP_sha1(), text, 41);
}

uint64_t certificate_key_number(X509 *leaf)
{
    unsigned char *der = NULL, hash[EVP_MAX_MD_SIZE];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    uint64_t number = 0;

    if (len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1)
        memcpy(&number, hash, sizeof(number));
    OPENSSL_free(der);
    return number != 0 ? number : 1;
}

void certificate_signature(const X509 *certificate, char *text, size_t size)
{
    int kind = X509_get_signature_nid(certificate);

    if (kind != NID_undef) {
        (void)snprintf(text, size, "%s", OBJ_nid2ln(kind));
        return;
    }
    const X509_ALGOR *algorithm = X509_get0_tbs_sigalg(certificate);
    const ASN1_OBJECT *name;

    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    if (OBJ_obj2txt(text, (int)size, name, 1) <= 0)
        (void)snprintf(text, size, "of an unknown kind");
}

void certificate_common_name(const X509 *certificate, char *text, size_t size)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    int at = -1, last = -1;

    if (size > 0)
        text[0] = '\0';
    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at;
    if (last < 0)
        return;
    BIO *bio = BIO_new(BIO_s_mem());

    (void)ASN1_STRING_print_ex(bio,
        X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)),
        ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL);
    take_text(bio, text, size);
}

static bool general_name_text(const GENERAL_NAME *name, char *text, size_t size)
{
    if (name->type == GEN_DNS) {
        BIO *bio = BIO_new(BIO_s_mem());

        (void)ASN1_STRING_print_ex(
            bio, name->d.dNSName, ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_ESC_MSB);
        take_text(bio, text, size);
        return true;
    }
    if (name->type == GEN_IPADD) {
        const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
        int len = ASN1_STRING_length(name->d.iPAddress);

        return (len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, (socklen_t)size) !=
            NULL;
    }
    return false;
}

static GENERAL_NAMES *alternative_names(const X509 *certificate)
{
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

/* `kind`: GEN_DNS for DNS names alone, -1 for all names that have a text. */
static void join_names(const GENERAL_NAMES *names, int kind, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char one[256];

        if ((kind != -1 && name->type != kind) ||
            !general_name_text(name, one, sizeof(one)) || used + strlen(one) + 2 > size)
            continue;
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ",", one);
    }
}

void general_names_text(const GENERAL_NAMES *names, char *text, size_t size)
{
    join_names(names, -1, text, size);
}

void certificate_dns_names(const X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = alternative_names(certificate);

    join_names(names, GEN_DNS, text, size);
    GENERAL_NAMES_free(names);
}

void certificate_names(const X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = alternative_names(certificate);

    general_names_text(names, text, size);
    GENERAL_NAMES_free(names);
    if (*text == '\0')
        certificate_common_name(certificate, text, size);
}

bool certificate_has_dns_name(const X509 *certificate)
{
    GENERAL_NAMES *names = alternative_names(certificate);
    bool found = false;

    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++)
        found = found || sk_GENERAL_NAME_value(names, i)->type == GEN_DNS;
    GENERAL_NAMES_free(names);
    return found;
}

void certificate_title(const X509 *certificate, char *text, size_t size)
{
    char *comma;

    certificate_common_name(certificate, text, size);
    if (*text != '\0')
        return;
    certificate_names(certificate, text, size);
    comma = strchr(text, ',');
    if (comma != NULL)
        *comma = '\0';
    if (*text == '\0')
        certificate_subject(certificate, text, size);
    if (*text == '\0')
        (void)snprintf(text, size, "without a name");
}

static time_t to_time(const ASN1_TIME *when)
{
    struct tm parts = {0};

    return ASN1_TIME_to_tm(when, &parts) == 1 ? timegm(&parts) : 0;
}

time_t certificate_not_before(const X509 *certificate)
{
    return to_time(X509_get0_notBefore(certificate));
}

time_t certificate_not_after(const X509 *certificate)
{
    return to_time(X509_get0_notAfter(certificate));
}

void certificate_date(time_t when, char *text, size_t size)
{
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL ||
        strftime(text, size, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        (void)snprintf(text, size, "a date beyond reckoning");
}

bool certificate_issued(X509 *issuer, X509 *subject)
{
    int verdict;

    if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(subject)) != 0)
        return false;
    verdict = X509_verify(subject, X509_get0_pubkey(issuer));
    /* Below 0: this library does not know the algorithm. Then the names decide. */
    if (verdict < 0)
        verdict = X509_check_issued(issuer, subject) == X509_V_OK;
    ERR_clear_error();
    return verdict == 1;
}

bool certificate_is_self_signed(X509 *certificate)
{
    return certificate_issued(certificate, certificate);
}

static void describe_curve(const EVP_PKEY *key, char *text, size_t size)
{
    char group[64];
    size_t len = 0;
    const char *nist = NULL;

    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
        (void)snprintf(group, sizeof(group), "unnamed curve");
    else
        nist = EC_curve_nid2nist(OBJ_txt2nid(group));
    (void)snprintf(text, size, "EC %s", nist == NULL ? group : nist);
}

void key_describe(const EVP_PKEY *key, char *text, size_t size)
{
    const char *type = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);

    if (type == NULL) {
        (void)snprintf(text, size, "of an unknown kind");
    } else if (EVP_PKEY_is_a(key, "EC")) {
        describe_curve(key, text, size);
    } else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
        EVP_PKEY_is_a(key, "DSA")) {
        (void)snprintf(text, size, "%s %d", type, EVP_PKEY_get_bits(key));
    } else {
        bool edwards = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");

        (void)snprintf(
            text, size, "%s%s", edwards ? "Ed" : "", edwards ? type + 2 : type);
    }
    ERR_clear_error();
}
