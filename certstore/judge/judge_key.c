#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/judge/judge_parts.h"
#include "certstore/read/private_key.h"

static void add_encrypted(struct judgement *j)
{
    findings_add(j->findings, "key-encrypted", SEVERITY_REFUSED, judgement_key_file(j),
        "nobody is there to type the passphrase when the proxy starts",
        "name a file with its passphrase: key_password_file = PASSWORD_FILE; or decrypt "
        "it, "
        "and use the file that this makes: " COMMAND(
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
        return; /* judge_text() has told */
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

/* Whether the certificate is of this key. */
static bool fits(X509 *certificate, const EVP_PKEY *key)
{
    EVP_PKEY *public_key = X509_get0_pubkey(certificate);

    return public_key != NULL && EVP_PKEY_eq(public_key, key) == 1;
}

/* Keeps the first key, but one that belongs to the first certificate is better. */
static bool take_key(struct judgement *j, const struct pem_block *block)
{
    EVP_PKEY *key = private_key_parse(block->der, block->der_len, j->input->libctx);

    if (key == NULL)
        return false;
    if (j->key != NULL && (j->count == 0 || !fits(j->certs[0], key))) {
        EVP_PKEY_free(key);
        return true;
    }
    EVP_PKEY_free(j->key);
    j->key = key;
    j->key_block = block;
    return true;
}

void judge_find_key(struct judgement *j)
{
    const struct pem *pem = judgement_key_pem(j);
    size_t seen = 0, encrypted = 0;

    for (size_t i = 0; i < pem->count; i++) {
        const struct pem_block *block = &pem->blocks[i];

        if (!pem_is_private_key(block))
            continue;
        seen++;
        if (private_key_is_openssh(block))
            judge_openssh_key(judgement_key_file(j), j->findings);
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
    if (j->input->key_file == NULL)
        return;
    for (size_t i = 0; i < j->cert_pem.count && j->count > 0; i++) {
        if (!pem_is_private_key(&j->cert_pem.blocks[i]))
            continue;
        findings_add(j->findings, "key-beside-certificate", SEVERITY_WARNING,
            j->input->cert_file,
            "a file of certificates is handed around: installed in a pool, XAPI would "
            "copy "
            "the key to every host",
            "keep the key in its own file, with mode 0600",
            "there is also a private key in it (line %zu); it is not used",
            j->cert_pem.blocks[i].line);
        break;
    }
}

static void add_mismatch(struct judgement *j)
{
    X509 *leaf = j->certs[j->leaf];
    EVP_PKEY *public_key = X509_get0_pubkey(leaf);
    char title[TITLE_MAX], other[TITLE_MAX], has[32], wants[32];

    certificate_title(leaf, title, sizeof(title));
    key_describe(j->key, has, sizeof(has));
    key_describe(public_key, wants, sizeof(wants));
    for (size_t i = 0; i < j->count; i++) {
        if (!fits(j->certs[i], j->key))
            continue;
        certificate_title(j->certs[i], other, sizeof(other));
        findings_add(j->findings, "key-mismatch", SEVERITY_REFUSED, judgement_key_file(j),
            "with another certificate's key no handshake can be signed",
            "use the key that the request for the first certificate was made with",
            "the private key belongs to certificate %zu in the file (%s), not to the "
            "first "
            "one (%s)",
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

void judge_key_of_leaf(struct judgement *j)
{
    if (j->key == NULL)
        return; /* told */
    if (!fits(j->certs[j->leaf], j->key)) {
        add_mismatch(j);
        return;
    }
    if (private_key_works(j->key, X509_get0_pubkey(j->certs[j->leaf])))
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

/* What TLS makes of a key, and how much it costs. */
static void judge_rsa(
    struct judgement *j, const char *whose, EVP_PKEY *key, enum severity large)
{
    int bits = EVP_PKEY_get_bits(key);

    if (bits < 2048)
        findings_add(j->findings, "key-too-small", SEVERITY_REFUSED, j->input->cert_file,
            "keys under 2048 bits can be broken; no current client accepts them",
            "make a new request (RSA 2048): " COMMAND("wlbproxy cert request"),
            "%s has an RSA key of %d bits", whose, bits);
    else if (bits > 8192)
        findings_add(j->findings, "key-too-large", large, j->input->cert_file,
            "each handshake would cost a good part of a second; XenServer's own limit is "
            "4096 bits",
            "make a new request (RSA 2048): " COMMAND("wlbproxy cert request"),
            "%s has an RSA key of %d bits", whose, bits);
    else if (bits > 4096)
        findings_add(j->findings, "key-large", SEVERITY_WARNING, j->input->cert_file,
            "it makes every handshake slow; XenServer's own limit is 4096 bits",
            "an RSA key of 2048 or 3072 bits is as good here",
            "%s has an RSA key of %d bits", whose, bits);
}

static bool is_explicit(const EVP_PKEY *key)
{
    int written_out = 0;

    return EVP_PKEY_get_int_param(
               key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &written_out) == 1 &&
        written_out == 1;
}

static void judge_curve(struct judgement *j, const char *whose, EVP_PKEY *key, bool leaf)
{
    char name[32];

    key_describe(key, name, sizeof(name));
    if (is_explicit(key))
        findings_add(j->findings, "explicit-curve",
            leaf ? SEVERITY_REFUSED : SEVERITY_WARNING, j->input->cert_file,
            "TLS and RFC 5480 (section 2.1.1) want a curve by its name; OpenSSL refuses "
            "a "
            "chain with such a key, and so does XenServer",
            "make a new request: wlbproxy cert request",
            "%s has an EC key with the curve's parameters written out", whose);
    else if (strcmp(name, "EC unnamed curve") == 0)
        findings_add(j->findings, "unnamed-curve", SEVERITY_REFUSED, j->input->cert_file,
            "TLS needs a curve by its name (RFC 8422 section 5.1.1)",
            "make a new request: " COMMAND("wlbproxy cert request"),
            "%s has an EC key on a curve without a name", whose);
    else if (EVP_PKEY_get_security_bits(key) < 112)
        findings_add(j->findings, "key-too-small", SEVERITY_REFUSED, j->input->cert_file,
            "such curves can be broken; no current client accepts them",
            "make a new request: " COMMAND("wlbproxy cert request"),
            "%s has an %s key, too weak for TLS", whose, name);
    else if (leaf && strcmp(name, "EC P-256") != 0 && strcmp(name, "EC P-384") != 0 &&
        strcmp(name, "EC P-521") != 0)
        findings_add(j->findings, "unusual-curve", SEVERITY_REFUSED, j->input->cert_file,
            "TLS 1.3 has no place for it, and OpenSSL, GnuTLS, Java, Go and browsers do "
            "not offer it in 1.2: nearly all handshakes would fail",
            "make a new request (RSA 2048, or P-256): " COMMAND("wlbproxy cert request"),
            "%s has an %s key", whose, name);
}

void judge_strength(struct judgement *j, X509 *certificate, const char *whose)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool leaf = certificate == j->certs[j->leaf];
    char kind[32];

    key_describe(key, kind, sizeof(kind));
    if (key != NULL && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")))
        judge_rsa(j, whose, key, leaf ? SEVERITY_REFUSED : SEVERITY_WARNING);
    else if (key != NULL && EVP_PKEY_is_a(key, "EC"))
        judge_curve(j, whose, key, leaf);
    else if (key != NULL && EVP_PKEY_is_a(key, "DSA"))
        findings_add(j->findings, "dsa", SEVERITY_REFUSED, j->input->cert_file,
            "no current client accepts DSA",
            "make a new request: " COMMAND("wlbproxy cert request"), "%s has a DSA key",
            whose);
    else if (key == NULL ||
        (!EVP_PKEY_is_a(key, "ED25519") && !EVP_PKEY_is_a(key, "ED448")))
        findings_add(j->findings, "key-unknown", SEVERITY_REFUSED, j->input->cert_file,
            "this OpenSSL cannot use it in TLS",
            "make a new request: " COMMAND("wlbproxy cert request"), "%s has a key %s",
            whose, kind);
    if (leaf && key != NULL && EVP_PKEY_is_a(key, "RSA-PSS"))
        findings_add(j->findings, "rsa-pss", SEVERITY_WARNING, j->input->cert_file,
            "OpenSSL, GnuTLS and Java take a key restricted to RSA-PSS; Go, rustls, NSS, "
            "Mbed TLS and others refuse it",
            "make a new request with a plain RSA key: " COMMAND("wlbproxy cert request"),
            "%s has an RSA-PSS key", whose);
}
