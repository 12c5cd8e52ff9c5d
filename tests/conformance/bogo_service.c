#include "tests/conformance/bogo_service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/credential.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/crypto/engine.h"
#include "tests/conformance/bogo_flags.h"

enum { TEXT_MAX = 2048, PEM_MAX = 64 * 1024, TLS12 = 0x0303, TLS13 = 0x0304 };

static const struct ticket_keys ticket_keys = {
    .keys = {{.name = "name", .aes = "aes", .hmac = "hmac", .native = "native"}},
    .count = 1};

static _Noreturn void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(
    struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->len += (size_t)vsnprintf(
        text->bytes + text->len, sizeof(text->bytes) - text->len, format, args);
    va_end(args);
    if (text->len >= sizeof(text->bytes))
        bogo_unimplemented("flags of that length");
}

static const struct name {
    unsigned id;
    const char *name;
} groups[] = {{23, "P-256"}, {24, "P-384"}, {25, "P-521"}, {29, "X25519"},
    {4588, "X25519MLKEM768"}},
  schemes[] = {{0x0201, "RSA+SHA1"}, {0x0401, "RSA+SHA256"}, {0x0501, "RSA+SHA384"},
      {0x0601, "RSA+SHA512"}, {0x0203, "ECDSA+SHA1"}, {0x0403, "ECDSA+SHA256"},
      {0x0503, "ECDSA+SHA384"}, {0x0603, "ECDSA+SHA512"}, {0x0804, "rsa_pss_rsae_sha256"},
      {0x0805, "rsa_pss_rsae_sha384"}, {0x0806, "rsa_pss_rsae_sha512"},
      {0x0807, "ed25519"}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *name_of(const struct name *table, size_t count, unsigned id)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].id == id)
            return table[i].name;
    }
    return NULL;
}

const char *bogo_group_name(unsigned id)
{
    return name_of(groups, COUNT(groups), id);
}

/* "KEY = A:B:C", or nothing where the list is empty. */
static void add_list(struct text *text, const char *key, const struct name *table,
    size_t count, const struct bogo_numbers *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = name_of(table, count, list->at[i]);

        if (name == NULL)
            bogo_unimplemented(i == 0 ? key : "a list with a number unknown to us");
        add(text, "%s%s%s", i == 0 ? key : ":", i == 0 ? " = " : "", name);
    }
    if (list->count > 0)
        add(text, "\n");
}

/* openssl.cnf(5) sets the limits for which we have no option. */
static void set_for_the_machine(const struct bogo_flags *flags)
{
    struct text text = {.len = 0};
    bool limited =
        flags->no_tls13 || (flags->max_version != 0 && flags->max_version < TLS13);
    BIO *bio;
    CONF *conf;

    if (!limited && flags->signing_prefs.count == 0 && flags->verify_prefs.count == 0)
        return;
    if (flags->no_tls13 && flags->no_tls12)
        bogo_unimplemented("no version of ours");
    if (flags->max_version != 0 && flags->max_version < TLS12)
        bogo_unimplemented("TLS 1.1 and older");
    add(&text,
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = ours\n"
        "[ours]\n");
    if (limited)
        add(&text, "MaxProtocol = TLSv1.2\n");
    add_list(
        &text, "SignatureAlgorithms", schemes, COUNT(schemes), &flags->signing_prefs);
    add_list(&text, "ClientSignatureAlgorithms", schemes, COUNT(schemes),
        &flags->verify_prefs);
    bio = BIO_new_mem_buf(text.bytes, (int)text.len);
    conf = NCONF_new(NULL);
    if (NCONF_load_bio(conf, bio, NULL) != 1 || CONF_modules_load(conf, NULL, 0) <= 0)
        give_up("openssl.cnf", text.bytes);
    NCONF_free(conf);
    BIO_free(bio);
}

/* OpenSSL before 3.5 has no hybrid groups. */
static void need_groups(const struct bogo_numbers *list)
{
    SSL_CTX *context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());

    for (size_t i = 0; i < list->count; i++) {
        const char *name = bogo_group_name(list->at[i]);

        if (name != NULL && SSL_CTX_set1_groups_list(context, name) != 1)
            bogo_unimplemented("a group that this OpenSSL does not have");
    }
    SSL_CTX_free(context);
    ERR_clear_error();
}

static struct settings *read_settings(const struct bogo_flags *flags)
{
    struct text text = {.len = 0};
    struct settings *settings;
    struct error err;

    add(&text,
        "[bogo]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:2\ncert = /c\nkey = /k\n"
        "tls_engine = %s\nprotocol = %s\n",
        flags->engine != NULL ? flags->engine : "openssl",
        flags->reject_alpn ? "http" : "tcp");
    if (flags->min_version >= TLS13 || flags->no_tls12)
        add(&text, "tls_min = 1.3\n");
    if (flags->no_ticket)
        add(&text, "tickets = off\n");
    if (flags->cipher != NULL && strpbrk(flags->cipher, "[]|") != NULL)
        bogo_unimplemented("-cipher with groups of equal preference");
    if (flags->cipher != NULL)
        add(&text, "ciphers = %s\n", flags->cipher);
    if (flags->require_any_client_certificate || flags->verify_peer)
        add(&text, "ca = /ca\nverify = %s\n",
            flags->require_any_client_certificate ? "required" : "optional");
    add_list(&text, "groups", groups, COUNT(groups), &flags->curves);
    settings = settings_parse(text.bytes, "bogo", &err);
    if (settings == NULL)
        give_up("settings", err.text);
    return settings;
}

static struct credential *read_credential(const struct bogo_credential *from)
{
    struct judged_pair pair = {.chain = sk_X509_new_null()};
    BIO *certs = BIO_new_file(from->cert_file != NULL ? from->cert_file : "", "r");
    BIO *key = BIO_new_file(from->key_file != NULL ? from->key_file : "", "r");
    X509 *x;

    if (certs == NULL || key == NULL)
        give_up("credential", "no such file");
    pair.leaf = PEM_read_bio_X509(certs, NULL, NULL, NULL);
    while ((x = PEM_read_bio_X509(certs, NULL, NULL, NULL)) != NULL)
        (void)sk_X509_push(pair.chain, x);
    pair.key = PEM_read_bio_PrivateKey_ex(key, NULL, NULL, NULL, engine_libctx(), NULL);
    BIO_free(certs);
    BIO_free(key);
    ERR_clear_error();
    if (pair.leaf == NULL || pair.key == NULL)
        give_up("credential", "cannot be read");
    return credential_of_pair(&pair);
}

static void make_ca(char *pem, size_t size)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    BIO *bio = BIO_new(BIO_s_mem());
    int len;

    (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    (void)X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"nobody", -1, -1, 0);
    (void)X509_set_issuer_name(x, name);
    (void)X509_set_pubkey(x, key);
    if (X509_sign(x, key, EVP_sha256()) == 0 || PEM_write_bio_X509(bio, x) != 1)
        give_up("a CA for -verify-fail", "cannot be made");
    len = BIO_read(bio, pem, (int)size - 1);
    pem[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* A CA that has issued no client's certificate. It is the same for all connections,
 * because tickets are bound to it. */
static const char *unknown_ca(void)
{
    static char pem[PEM_MAX];

    if (pem[0] == '\0')
        make_ca(pem, sizeof(pem));
    return pem;
}

static const char *read_ca(const struct bogo_flags *flags)
{
    static char pem[PEM_MAX];
    FILE *file;

    if (!flags->require_any_client_certificate && !flags->verify_peer)
        return NULL;
    if (flags->verify_fail || flags->trust_cert == NULL || flags->trust_cert[0] == '\0')
        return unknown_ca();
    file = fopen(flags->trust_cert, "r");
    if (file == NULL)
        give_up(flags->trust_cert, "no such file");
    pem[fread(pem, 1, sizeof(pem) - 1, file)] = '\0';
    (void)fclose(file);
    return pem;
}

void bogo_service_start(void)
{
    struct error err;

    if (!secrets_init(&err) || !engine_start(ENGINE_AUTO, &err))
        give_up("engine", err.text);
}

SSL_CTX *bogo_service_context(const struct bogo_flags *flags)
{
    static struct sni_choice choice; /* lives as long as the context */
    struct credential *credentials[BOGO_CREDENTIALS_MAX];
    struct settings *settings;
    SSL_CTX *context;
    struct error err;

    need_groups(&flags->curves);
    set_for_the_machine(flags);
    settings = read_settings(flags);
    for (size_t i = 0; i < flags->credential_count; i++)
        credentials[i] = read_credential(&flags->credentials[i]);
    context = context_new(engine_libctx(), &settings->services[0], credentials,
        flags->credential_count, &ticket_keys, read_ca(flags), NULL, &err);
    if (context == NULL)
        give_up("context", err.text);
    if (flags->expect_server_name != NULL) {
        choice =
            (struct sni_choice){.name = flags->expect_server_name, .context = context};
        context_set_sni(context, &choice, 1);
    }
    engine_adopt(context);
    for (size_t i = 0; i < flags->credential_count; i++)
        credential_unref(credentials[i]);
    settings_free(settings);
    return context;
}
