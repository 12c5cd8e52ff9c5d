#include "certstore/judge/judge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/judge/judge_parts.h"
#include "certstore/judge/xenserver.h"
#include "certstore/secrets.h"

/* In a Certificate message: its own lengths, and those of each certificate in it. */
enum { SIZE_OF_LIST = 4, SIZE_OF_ENTRY = 5 };

const struct pem *judgement_key_pem(const struct judgement *j)
{
    return j->input->key_file == NULL ? &j->cert_pem : &j->key_pem;
}

const char *judgement_key_file(const struct judgement *j)
{
    return j->input->key_file == NULL ? j->input->cert_file : j->input->key_file;
}

static void read_texts(struct judgement *j)
{
    const struct judge_input *in = j->input;

    pem_parse(&j->cert_pem, in->cert_text, in->cert_len);
    judge_text(
        in->cert_file, in->cert_text, in->cert_len, &j->cert_pem, false, j->findings);
    judge_certificates(j);
    if (in->without_key)
        return;
    if (in->key_file != NULL) {
        pem_parse(&j->key_pem, in->key_text, in->key_len);
        judge_text(
            in->key_file, in->key_text, in->key_len, &j->key_pem, true, j->findings);
    }
    judge_find_key(j);
}

/* A root is trimmed only if it signed itself: a cross-sign looks like a root to who
 * compares names. */
static void fill_chain(const struct judgement *j, struct judged_pair *pair)
{
    pair->chain = sk_X509_new_null();
    pair->unsent = sk_X509_new_null();
    if (pair->chain == NULL || pair->unsent == NULL)
        abort();
    for (size_t i = 1; i < j->sorted; i++) {
        X509 *certificate = j->certs[j->order[i]];
        bool sent = j->input->send_root || !certificate_is_self_signed(certificate);

        if (X509_up_ref(certificate) != 1 ||
            sk_X509_push(sent ? pair->chain : pair->unsent, certificate) == 0)
            abort();
    }
}

static void fill_pair(const struct judgement *j, struct judged_pair *pair)
{
    pair->leaf = j->certs[j->leaf];
    (void)X509_up_ref(pair->leaf);
    fill_chain(j, pair);
    if (j->key == NULL)
        return;
    pair->key = j->key;
    (void)EVP_PKEY_up_ref(pair->key);
    pair->key_der_len = j->key_block->der_len;
    pair->key_der = secrets_alloc(pair->key_der_len);
    memcpy(pair->key_der, j->key_block->der, pair->key_der_len);
}

/* OpenSSL's clients, XenServer's among them, take no more than 100 KiB of certificates
 * (SSL_MAX_CERT_LIST_DEFAULT); each costs a few bytes more than itself (RFC 8446, 4.4.2).
 */
static void judge_size(struct judgement *j, const struct judged_pair *pair)
{
    size_t size = SIZE_OF_LIST + SIZE_OF_ENTRY + (size_t)i2d_X509(pair->leaf, NULL);

    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        size += SIZE_OF_ENTRY + (size_t)i2d_X509(sk_X509_value(pair->chain, i), NULL);
    if (size > SSL_MAX_CERT_LIST_DEFAULT)
        findings_add(j->findings, "chain-too-large", SEVERITY_REFUSED,
            j->input->cert_file,
            "clients of OpenSSL, XenServer's too, end the handshake at 100 KiB",
            "leave out what is not needed: the certificate and its intermediates",
            "the certificates that would be sent are %zu KiB", size / 1024);
}

/* The last word is the library's: what it refuses although all of the above found nothing
 * must not be found out by a client. */
static void try_to_serve(struct judgement *j, const struct judged_pair *pair)
{
    SSL_CTX *context = SSL_CTX_new_ex(j->input->libctx, NULL, TLS_server_method());

    ERR_clear_error();
    if (context != NULL)
        SSL_CTX_set_security_level(context, 2);
    if (context == NULL ||
        SSL_CTX_use_cert_and_key(context, pair->leaf, pair->key, pair->chain, 1) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        findings_add(j->findings, "not-servable", SEVERITY_REFUSED, j->input->cert_file,
            "no client could finish a handshake",
            "have the certificate issued again, with a key made by: " COMMAND(
                "wlbproxy cert request"),
            "TLS cannot be served with this certificate and key at security level 2 "
            "(OpenSSL says: %s)",
            reason == NULL ? "no reason" : reason);
    }
    ERR_clear_error();
    SSL_CTX_free(context);
}

/* Of these XenServer's verdict says the same in other words. */
static bool tells_why_refused(const char *id)
{
    static const char *const ids[] = {"expired", "not-yet-valid", "issuer-expired",
        "issuer-not-yet-valid", "issuer-no-ca", "critical-extension", "bad-extension",
        "explicit-curve", "wrong-usage"};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if (strcmp(ids[i], id) == 0)
            return true;
    }
    return false;
}

/* A chain that XenServer would refuse is never good without a finding: what none of the
 * rules above knows, OpenSSL's verification does. */
static void try_to_verify(
    struct judgement *j, const struct judged_pair *pair, size_t first)
{
    const struct xenserver_offer offer = {pair->leaf, pair->chain, pair->unsent};
    char reason[320];

    for (size_t i = first; i < j->findings->count; i++) {
        if (tells_why_refused(j->findings->items[i].id))
            return;
    }
    for (int r = 0; r < XENSERVER_RELEASES; r++) {
        if (xenserver_verifies(
                (enum xenserver_release)r, &offer, j->input->now, reason, sizeof(reason)))
            continue;
        findings_add(j->findings, "verification-fails", SEVERITY_WARNING,
            j->input->cert_file,
            "XenServer and other clients refuse it when they verify certificates",
            "tell the CA, and have it issued again: wlbproxy cert request",
            "the chain does not pass verification: %s", reason);
        return;
    }
}

static void destroy(struct judgement *j)
{
    for (size_t i = 0; i < j->count; i++)
        X509_free(j->certs[i]);
    EVP_PKEY_free(j->key);
    pem_destroy(&j->cert_pem);
    pem_destroy(&j->key_pem);
}

static bool is_refused(const struct judgement *j, size_t first)
{
    for (size_t i = first; i < j->findings->count; i++) {
        if (j->findings->items[i].severity == SEVERITY_REFUSED)
            return true;
    }
    return false;
}

bool judge_pair(
    const struct judge_input *input, struct judged_pair *pair, struct findings *findings)
{
    struct judgement j = {.input = input, .findings = findings};
    const size_t first = findings->count;
    bool has_leaf, served;

    *pair = (struct judged_pair){0};
    read_texts(&j);
    has_leaf = judge_find_leaf(&j);
    if (has_leaf) {
        if (!input->without_key)
            judge_key_of_leaf(&j);
        judge_leaf(&j);
        judge_chain(&j);
    }
    assert(has_leaf || is_refused(&j, first));
    served = !is_refused(&j, first);
    if (served) {
        fill_pair(&j, pair);
        judge_size(&j, pair);
        if (!input->without_key)
            try_to_serve(&j, pair);
        try_to_verify(&j, pair, first);
        served = !is_refused(&j, first);
    }
    if (!served)
        judged_pair_destroy(pair);
    destroy(&j);
    return served;
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
