#include "certstore/judge/judge.h"

#include <assert.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge_certificate.h"
#include "certstore/judge/judge_chain.h"
#include "certstore/judge/xenserver.h"
#include "certstore/pem.h"
#include "certstore/read/pem_check.h"
#include "certstore/read/private_key.h"
#include "certstore/secrets.h"
#include "config/remedy.h"
#include "proxy/base/memory.h"

enum { TITLE_MAX = 160 };

/* Lengths in a Certificate message: its own, and those of each certificate in it. */
enum { SIZE_OF_LIST = 4, SIZE_OF_ENTRY = 5 };

struct judgement {
    const struct judge_input *input;
    struct findings *findings;
    struct pem cert_pem, key_pem; /* key_pem stays empty for a merged file */
    struct cert_list list;
    EVP_PKEY *key;
    const struct pem_block *key_block;
};

/* Returns the text that has the key. */
static const struct pem *judgement_key_pem(const struct judgement *j)
{
    return j->input->key_file == NULL ? &j->cert_pem : &j->key_pem;
}

static const char *judgement_key_file(const struct judgement *j)
{
    return j->input->key_file == NULL ? j->input->cert_file : j->input->key_file;
}

/* Fills certs[]. */
static void judge_certificates(struct judgement *j)
{
    bool seen = false;

    for (size_t i = 0; i < j->cert_pem.count; i++) {
        const struct pem_block *block = &j->cert_pem.blocks[i];

        if (!pem_is_certificate(block))
            continue;
        seen = true;
        if (block->der == NULL)
            continue; /* pem_check() has reported it */
        j->list.certs[j->list.count] = certificate_parse(block->der, block->der_len,
            strcmp(block->label, "TRUSTED CERTIFICATE") == 0, j->input->libctx);
        j->list.lines[j->list.count] = block->line;
        if (j->list.certs[j->list.count] != NULL)
            j->list.count++;
        else
            pem_check_bad_certificate(j->input->cert_file, block, j->findings);
    }
    if (!seen && j->cert_pem.count > 0)
        pem_check_no_certificate(j->input->cert_file, &j->cert_pem, j->findings);
}

/* ---- the key ---- */

static void add_encrypted(struct judgement *j)
{
    findings_add(j->findings, "key-encrypted", SEVERITY_REFUSED, judgement_key_file(j),
        "nobody is there to type the passphrase when the proxy starts",
        "name a file with its passphrase: key_password_file = PASSWORD_FILE; or decrypt "
        "it, and use the file that this makes: " COMMAND(
            "(umask 077; set -C; openssl pkey -in FILE > FILE.clear)"),
        j->input->password_given
            ? "the private key is encrypted, and not with the password that was given"
            : "the private key is encrypted with a passphrase");
}

static void add_no_key(struct judgement *j)
{
    const struct pem *pem = judgement_key_pem(j);
    bool merged = j->input->key_file == NULL;

    if (pem->count == 0)
        return; /* pem_check() has reported it */
    if (!merged && pem_is_certificate(&pem->blocks[0]))
        findings_add(j->findings, "certificate-instead-of-key", SEVERITY_REFUSED,
            j->input->key_file, "without the private key no handshake can be signed",
            "are cert and key swapped in the configuration?",
            "there is a certificate where the private key belongs");
    else
        findings_add(j->findings, "key-missing", SEVERITY_REFUSED, judgement_key_file(j),
            "without the private key no handshake can be signed",
            merged ? "add the key to the file, or name its file: key = FILE"
                   : "put the private key there that the request for the certificate was "
                     "made with",
            "there is no private key in it%s%s%s", merged ? "" : ", only a ",
            merged ? "" : pem->blocks[0].label, merged ? "" : " block");
}

/* Returns whether the certificate is of this key. */
static bool fits(X509 *certificate, const EVP_PKEY *key)
{
    EVP_PKEY *public_key = X509_get0_pubkey(certificate);

    return public_key != NULL && EVP_PKEY_eq(public_key, key) == 1;
}

/* Keeps the first key, but prefers one that belongs to the first certificate. */
static bool take_key(struct judgement *j, const struct pem_block *block)
{
    EVP_PKEY *key = private_key_parse(block->der, block->der_len, j->input->libctx);

    if (key == NULL)
        return false;
    if (j->key != NULL && (j->list.count == 0 || !fits(j->list.certs[0], key))) {
        EVP_PKEY_free(key);
        return true;
    }
    EVP_PKEY_free(j->key);
    j->key = key;
    j->key_block = block;
    return true;
}

static void tell_key_beside_certificate(struct judgement *j)
{
    for (size_t i = 0; i < j->cert_pem.count; i++) {
        if (!pem_is_private_key(&j->cert_pem.blocks[i]))
            continue;
        findings_add(j->findings, "key-beside-certificate", SEVERITY_WARNING,
            j->input->cert_file,
            "a file of certificates is handed around: installed in a pool, XAPI would "
            "copy the key to every host",
            "keep the key in its own file, with mode 0600",
            "there is also a private key in it (line %zu); it is not used",
            j->cert_pem.blocks[i].line);
        return;
    }
}

static void judge_find_key(struct judgement *j)
{
    const struct pem *pem = judgement_key_pem(j);
    size_t seen = 0, encrypted = 0;

    for (size_t i = 0; i < pem->count; i++) {
        const struct pem_block *block = &pem->blocks[i];

        if (!pem_is_private_key(block))
            continue;
        seen++;
        if (private_key_is_openssh(block))
            pem_check_openssh_key(judgement_key_file(j), j->findings);
        else if (private_key_is_encrypted(block))
            encrypted++;
        else if (block->der != NULL && !take_key(j, block))
            findings_add(j->findings, "bad-key", SEVERITY_REFUSED, judgement_key_file(j),
                "bytes were lost or changed on the way here",
                "copy the key again, whole; look at it with: " COMMAND(
                    "openssl pkey -in FILE -noout -check"),
                "the %s block in line %zu is not a private key that can be used",
                block->label, block->line);
    }
    if (seen == 0)
        add_no_key(j);
    else if (encrypted > 0 && j->key == NULL)
        add_encrypted(j);
    if (j->input->key_file != NULL && j->list.count > 0)
        tell_key_beside_certificate(j);
}

static void add_mismatch(struct judgement *j)
{
    X509 *leaf = j->list.certs[j->list.leaf];
    EVP_PKEY *public_key = X509_get0_pubkey(leaf);
    char title[TITLE_MAX], other[TITLE_MAX], has[32], wants[32];

    certificate_title(leaf, title, sizeof(title));
    key_describe(j->key, has, sizeof(has));
    key_describe(public_key, wants, sizeof(wants));
    for (size_t i = 0; i < j->list.count; i++) {
        if (!fits(j->list.certs[i], j->key))
            continue;
        certificate_title(j->list.certs[i], other, sizeof(other));
        findings_add(j->findings, "key-mismatch", SEVERITY_REFUSED, judgement_key_file(j),
            "with another certificate's key no handshake can be signed",
            "use the key that the request for the first certificate was made with",
            "the private key belongs to certificate %zu in the file (%s), not to the "
            "first one (%s)",
            i + 1, other, title);
        return;
    }
    if (strcmp(has, wants) != 0)
        findings_add(j->findings, "key-mismatch", SEVERITY_REFUSED, judgement_key_file(j),
            "with another certificate's key no handshake can be signed",
            "use the key that the request for this certificate was made with",
            "the private key (%s) does not belong to the certificate of %s (%s)", has,
            title, wants);
    else
        findings_add(j->findings, "key-mismatch", SEVERITY_REFUSED, judgement_key_file(j),
            "with another certificate's key no handshake can be signed",
            "use the key that the request for this certificate was made with; what this "
            "one is: " COMMAND("wlbproxy cert show FILE"),
            "the private key is not the key of the certificate of %s", title);
}

static void judge_key_of_leaf(struct judgement *j)
{
    if (j->key == NULL)
        return; /* it has been reported */
    if (!fits(j->list.certs[j->list.leaf], j->key)) {
        add_mismatch(j);
        return;
    }
    if (private_key_works(j->key, X509_get0_pubkey(j->list.certs[j->list.leaf])))
        return;
    if (EVP_PKEY_is_a(j->key, "RSA-PSS")) {
        findings_add(j->findings, "key-unusable", SEVERITY_REFUSED, judgement_key_file(j),
            "TLS signs with SHA-256, SHA-384 or SHA-512, and a salt of that length (RFC "
            "8446 section 4.2.3): every handshake would fail",
            "make a new request with a plain RSA key: " COMMAND("wlbproxy cert request"),
            "the RSA-PSS key is restricted to signatures that TLS does not have");
        return;
    }
    findings_add(j->findings, "key-broken", SEVERITY_REFUSED, judgement_key_file(j),
        "every handshake would fail", "copy the key again from where it was made",
        "the private key claims to be the certificate's, but its signatures are not "
        "valid");
}

/* ---- the pair ---- */

static void read_texts(struct judgement *j)
{
    const struct judge_input *in = j->input;

    pem_parse(&j->cert_pem, in->cert_text, in->cert_len);
    pem_check(
        in->cert_file, in->cert_text, in->cert_len, &j->cert_pem, false, j->findings);
    judge_certificates(j);
    if (in->without_key)
        return;
    if (in->key_file != NULL) {
        pem_parse(&j->key_pem, in->key_text, in->key_len);
        pem_check(
            in->key_file, in->key_text, in->key_len, &j->key_pem, true, j->findings);
    }
    judge_find_key(j);
}

/* A root is trimmed only if it signed itself: a cross-sign has the same name and looks
 * like one. */
static void fill_chain(const struct judgement *j, struct judged_pair *pair)
{
    pair->chain = memory_checked(sk_X509_new_null());
    pair->unsent = memory_checked(sk_X509_new_null());
    for (size_t i = 1; i < j->list.sorted; i++) {
        X509 *certificate = j->list.certs[j->list.order[i]];
        bool sent = j->input->send_root || !certificate_is_self_signed(certificate);

        memory_require(X509_up_ref(certificate) == 1 &&
            sk_X509_push(sent ? pair->chain : pair->unsent, certificate) != 0);
    }
}

static void fill_pair(const struct judgement *j, struct judged_pair *pair)
{
    pair->leaf = j->list.certs[j->list.leaf];
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

/* OpenSSL's clients, XenServer's among them, accept at most 100 KiB of certificates
 * (SSL_MAX_CERT_LIST_DEFAULT). Each takes a few bytes more than its own length (RFC 8446,
 * 4.4.2). */
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

/* The library decides last: a client must not be the first to see a fault that OpenSSL
 * refuses and the rules above do not know. */
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

/* XenServer's verdict gives the same reason in other words. */
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

/* A chain that XenServer would refuse never passes without a finding: OpenSSL's
 * verification finds what the rules above do not know. */
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
    for (size_t i = 0; i < j->list.count; i++)
        X509_free(j->list.certs[i]);
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
    has_leaf = judge_find_leaf(&j.list, j.key, input, findings);
    if (has_leaf) {
        if (!input->without_key)
            judge_key_of_leaf(&j);
        judge_leaf(input, j.list.certs[j.list.leaf], findings);
        judge_chain(&j.list, input, findings);
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
