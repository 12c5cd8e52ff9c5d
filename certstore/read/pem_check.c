#include "certstore/read/pem_check.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/pem.h"
#include "certstore/read/private_key.h"
#include "certstore/secrets.h"
#include "config/remedy.h"

/* A format that a file without any PEM block may have. */
struct format {
    const char *id, *fact, *remedy;
};

enum {
    EMPTY,
    UTF16,
    UTF16_LE,
    UTF16_BE,
    ZIP,
    GZIP,
    DER_CERT,
    DER_PKCS12,
    DER_PKCS7,
    DER_CSR,
    DER_KEY,
    DER_LOCKED_KEY,
    KEYSTORE,
    PPK,
    BASE64,
    BASE64_OF_PEM,
    NOT_PEM
};

static const struct format formats[] = {
    [EMPTY] = {"empty", "the file is empty",
        "copy it again, whole; the files of a chain are put together by: wlbproxy cert "
        "install ANSWER..."},
    [UTF16] = {"utf16", "it is UTF-16 text, as Windows editors save it",
        COMMAND("(umask 077; set -C; iconv -f UTF-16 -t ASCII FILE > FILE.pem)")},
    [UTF16_LE] = {"utf16", "it is UTF-16 text, as Windows programs save it",
        COMMAND("(umask 077; set -C; iconv -f UTF-16LE -t ASCII FILE > FILE.pem)")},
    [UTF16_BE] = {"utf16", "it is UTF-16 text, as Windows programs save it",
        COMMAND("(umask 077; set -C; iconv -f UTF-16BE -t ASCII FILE > FILE.pem)")},
    [ZIP] = {"archive", "it is an archive, not PEM text",
        "unpack it first: " COMMAND("unzip -n FILE -d FILE.d")},
    [GZIP] = {"archive", "it is a compressed file, not PEM text",
        "unpack it first: " COMMAND(
            "(umask 077; set -C; gzip -dc < FILE > FILE.unpacked)")},
    [DER_CERT] = {"der", "it is a certificate in DER, not PEM",
        COMMAND("(set -C; openssl x509 -inform DER -in FILE > FILE.pem)")},
    [DER_PKCS12] = {"pkcs12", "it is a PKCS#12 (.pfx) container, not PEM",
        COMMAND("(umask 077; set -C; openssl pkcs12 -in FILE -nodes > FILE.pem)")},
    [DER_PKCS7] = {"pkcs7", "it is a PKCS#7 (.p7b) bundle in DER, not PEM",
        COMMAND("(set -C; openssl pkcs7 -inform DER -in FILE -print_certs > FILE.pem)")},
    [DER_CSR] = {"csr", "it is a signing request (CSR), not what the CA made of it",
        "send it to the CA and install the certificate it returns"},
    [DER_KEY] = {"der-key", "it is a private key in DER, not PEM",
        COMMAND("(umask 077; set -C; openssl pkey -inform DER -in FILE > FILE.pem)")},
    [DER_LOCKED_KEY] = {"der-key", "it is an encrypted private key in DER, not PEM",
        COMMAND("(umask 077; set -C; openssl pkcs8 -inform DER -in FILE > FILE.pem)")},
    [KEYSTORE] = {"keystore", "it is a Java keystore (JKS), not PEM",
        "convert it: " COMMAND(
            "(umask 077; test ! -e FILE.p12 && keytool -importkeystore -srckeystore FILE "
            "-destkeystore FILE.p12 -deststoretype PKCS12)") " and "
                                                             "take FILE.p12"},
    [PPK] = {"putty-key", "it is a key of PuTTY (PPK), not PEM",
        COMMAND("(umask 077; test ! -e FILE.pem && puttygen FILE -O private-openssh -o "
                "FILE.pem)")},
    [BASE64] = {"bare-base64", "it is Base64 without the BEGIN and END lines of PEM",
        COMMAND("(set -C; base64 -di FILE | openssl x509 -inform DER > FILE.pem)")},
    [BASE64_OF_PEM] = {"base64-of-pem", "it is PEM text, in Base64 once more",
        COMMAND("(umask 077; set -C; base64 -di FILE > FILE.pem)")},
    [NOT_PEM] = {"not-pem", "there is no PEM block (-----BEGIN ...-----) in it",
        "the CA's answer as Base64 or PEM is what is needed; how this one "
        "begins: " COMMAND("head -c 64 < FILE | od -c")},
};

static const char a_server_shows[] = "a server shows its certificate to every client";

static bool is_der_request(const unsigned char *der, size_t len)
{
    X509_REQ *request = d2i_X509_REQ(NULL, &der, (long)len);

    X509_REQ_free(request);
    return request != NULL;
}

static bool is_der_pkcs12(const unsigned char *der, size_t len)
{
    PKCS12 *container = d2i_PKCS12(NULL, &der, (long)len);

    PKCS12_free(container);
    return container != NULL;
}

static bool is_der_pkcs7(const unsigned char *der, size_t len)
{
    PKCS7 *bundle = d2i_PKCS7(NULL, &der, (long)len);

    PKCS7_free(bundle);
    return bundle != NULL;
}

static bool is_der_locked_key(const unsigned char *der, size_t len)
{
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, (long)len);

    X509_SIG_free(sealed);
    return sealed != NULL;
}

static int guess_der(const unsigned char *der, size_t len)
{
    X509 *certificate = certificate_parse(der, len, true, NULL);
    EVP_PKEY *key;

    X509_free(certificate);
    if (certificate != NULL)
        return DER_CERT;
    if (is_der_pkcs12(der, len))
        return DER_PKCS12;
    if (is_der_pkcs7(der, len))
        return DER_PKCS7;
    if (is_der_request(der, len))
        return DER_CSR;
    if (is_der_locked_key(der, len))
        return DER_LOCKED_KEY;
    key = private_key_parse(der, len, NULL);
    EVP_PKEY_free(key);
    return key != NULL ? DER_KEY : NOT_PEM;
}

/* A certificate in Base64 begins with "MI": 30 8x, a SEQUENCE of some length. */
static bool is_bare_base64(const char *text, size_t len)
{
    EVP_ENCODE_CTX *decoding = EVP_ENCODE_CTX_new();
    unsigned char *der = secrets_alloc(len + 64);
    X509 *certificate = NULL;
    int got = 0, rest = 0;

    EVP_DecodeInit(decoding);
    if (EVP_DecodeUpdate(decoding, der, &got, (const unsigned char *)text, (int)len) >=
            0 &&
        EVP_DecodeFinal(decoding, der + got, &rest) == 1)
        certificate = certificate_parse(der, (size_t)got + (size_t)rest, false, NULL);
    X509_free(certificate);
    secrets_free((char *)der, len + 64);
    EVP_ENCODE_CTX_free(decoding);
    return certificate != NULL;
}

static bool starts(const char *text, size_t len, const char *with, size_t with_len)
{
    return len >= with_len && memcmp(text, with, with_len) == 0;
}

/* Recognizes a format by its first bytes; NOT_PEM if there are none of a known one. */
static int guess_by_mark(const char *text, size_t len)
{
    static const struct {
        const char *mark;
        size_t len;
        int format;
    } marks[] = {
        {"\xff\xfe", 2, UTF16}, {"\xfe\xff", 2, UTF16}, {"-", 2, UTF16_LE},
        {"\0-", 2, UTF16_BE}, {"PK\x03\x04", 4, ZIP}, {"\x1f\x8b", 2, GZIP},
        {"\xfe\xed\xfe\xed", 4, KEYSTORE}, {"\xce\xce\xce\xce", 4, KEYSTORE},
        {"PuTTY-User-Key-File-", 20, PPK},
        {"LS0tLS1CRUdJTi", 14, BASE64_OF_PEM}, /* -----BEGIN */
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (starts(text, len, marks[i].mark, marks[i].len))
            return marks[i].format;
    }
    return NOT_PEM;
}

static int guess_format(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t blanks = 0;
    int guess = guess_by_mark(text, len);

    while (blanks < len && (text[blanks] == '\0' || strchr(" \t\r\n", text[blanks])))
        blanks++;
    if (blanks == len)
        return EMPTY;
    if (guess != NOT_PEM)
        return guess;
    if (bytes[0] == 0x30)
        guess = guess_der(bytes, len);
    else if (len - blanks > 2 && memcmp(text + blanks, "MI", 2) == 0 &&
        is_bare_base64(text + blanks, len - blanks))
        guess = BASE64;
    ERR_clear_error();
    return guess;
}

void pem_check_openssh_key(const char *file, struct findings *findings)
{
    findings_add(findings, "openssh-key", SEVERITY_REFUSED, file,
        "OpenSSL does not read it",
        "convert a copy, and use that: " COMMAND(
            "(umask 077; set -C; cat FILE > FILE.pem) && ssh-keygen -p -N '' -m PKCS8 -f "
            "FILE.pem"),
        "the private key is in the format of OpenSSH, not PKCS#8 or PKCS#1");
}

/* The bundle's command reads this label, too, but not that of CMS. */
static void add_pkcs7(
    const char *file, const char *why, bool is_cms, struct findings *findings)
{
    findings_add(findings, "pkcs7", SEVERITY_REFUSED, file, why,
        is_cms ? COMMAND("(set -C; sed 's/ CMS-/ PKCS7-/' FILE | openssl pkcs7 "
                         "-print_certs > FILE.pem)")
               : COMMAND("(set -C; openssl pkcs7 -in FILE -print_certs > FILE.pem)"),
        "it is a PKCS#7 (.p7b) bundle, not certificates one by one");
}

static void judge_block(
    const char *file, const struct pem_block *block, struct findings *findings)
{
    if (block->fault == PEM_TRUNCATED)
        findings_add(findings, "truncated", SEVERITY_REFUSED, file,
            "part of the file is missing: a copy was cut off, or is still being written",
            "copy the file again, whole",
            "the %s block that begins in line %zu has no end", block->label, block->line);
    if (block->fault == PEM_MISMATCHED)
        findings_add(findings, "mismatched-end", SEVERITY_REFUSED, file,
            "parts of two blocks have been mixed up", "copy the file again, whole",
            "the %s block that begins in line %zu is ended by another label",
            block->label, block->line);
    if (block->fault == PEM_DAMAGED &&
        !(pem_is_private_key(block) && private_key_is_encrypted(block)))
        findings_add(findings, "damaged", SEVERITY_REFUSED, file,
            "bytes were lost or changed on the way here", "copy the file again, whole",
            "the %s block that begins in line %zu is not Base64", block->label,
            block->line);
}

static void judge_habits(
    const char *file, const struct pem *pem, struct findings *findings)
{
    size_t glued = 0;

    for (size_t i = 0; i < pem->count && glued == 0; i++)
        glued = pem->blocks[i].glued ? pem->blocks[i].line : 0;
    if (pem->byte_order_mark)
        findings_add(findings, "byte-order-mark", SEVERITY_NOTE, file,
            "other programs may not find the first block",
            COMMAND("sed -i --follow-symlinks '1s/^\\xef\\xbb\\xbf//' FILE"),
            "it begins with a byte order mark, as Windows editors write it");
    if (pem->line_ends == PEM_CR)
        findings_add(findings, "old-mac-line-ends", SEVERITY_NOTE, file,
            "they are accepted here, but openssl and stunnel find nothing in such a file",
            COMMAND("sed -i --follow-symlinks 's/\\r/\\n/g' FILE"),
            "it has the line ends of old Macs (CR alone)");
    if (pem->line_ends == PEM_CR_LF)
        findings_add(findings, "windows-line-ends", SEVERITY_NOTE, file,
            "they are accepted here; a script may stumble over them",
            COMMAND("sed -i --follow-symlinks 's/\\r*$//' FILE"),
            "it has Windows line ends (CR LF)");
    if (glued > 0)
        findings_add(findings, "two-blocks-on-one-line", SEVERITY_NOTE, file,
            "it is accepted here, but openssl and stunnel would not see the second one",
            COMMAND("sed -i --follow-symlinks "
                    "'s/-----[[:space:]]*-----BEGIN/-----\\n-----BEGIN/g' FILE"),
            "in line %zu one block begins where another ends: a part had no line end",
            glued);
    if (pem->too_many)
        findings_add(findings, "too-many-blocks", SEVERITY_REFUSED, file,
            "that is a list of trusted CAs, not the chain of one server",
            "put only the chain of this server into it", "it has more than %d PEM blocks",
            PEM_BLOCKS_MAX);
}

static void add_stray(const char *file, const struct pem *pem, struct findings *findings)
{
    findings_add(findings, "begin-within-line",
        pem->count == 0 ? SEVERITY_REFUSED : SEVERITY_WARNING, file,
        "a block begins where a line begins; openssl and stunnel do not see it either",
        "put a line end before -----BEGIN; what cannot be seen there is shown "
        "by: " COMMAND("grep -n -e -----BEGIN FILE | cat -A"),
        "in line %zu a block begins behind something else, and is not read", pem->stray);
}

static void add_lost(const char *file, const struct pem *pem, struct findings *findings)
{
    findings_add(findings, "lost-mark",
        pem->count == 0 ? SEVERITY_REFUSED : SEVERITY_WARNING, file,
        "a block begins with -----BEGIN LABEL----- and ends with -----END LABEL-----, in "
        "capitals, with five hyphens on each side: what it was to begin or end is not "
        "read",
        "copy the file again, whole, or correct that line; what cannot be seen there is "
        "shown by: " COMMAND("grep -n -i -E -e 'BEGIN|END' FILE | cat -A"),
        "line %zu was to begin or end a block, and does not", pem->lost);
}

void pem_check(const char *file, const char *text, size_t len, const struct pem *pem,
    bool wants_key, struct findings *findings)
{
    if (pem->stray > 0)
        add_stray(file, pem, findings);
    else if (pem->lost > 0)
        add_lost(file, pem, findings);
    if (pem->count == 0 && pem_lost_line(pem) > 0)
        return;
    if (pem->count == 0) {
        const struct format *format = &formats[guess_format(text, len)];

        findings_add(findings, format->id, SEVERITY_REFUSED, file,
            wants_key ? "the private key is read from PEM text"
                      : "certificates are read from PEM text",
            format->remedy, "%s", format->fact);
        return;
    }
    for (size_t i = 0; i < pem->count; i++)
        judge_block(file, &pem->blocks[i], findings);
    judge_habits(file, pem, findings);
}

static bool has_pkcs7(const struct pem *pem)
{
    for (size_t i = 0; i < pem->count; i++) {
        if (pem_is_pkcs7(&pem->blocks[i]))
            return true;
    }
    return false;
}

void pem_check_no_certificate(
    const char *file, const struct pem *pem, struct findings *findings)
{
    const char *label = pem->blocks[0].label, *why = a_server_shows;

    if (pem_find(pem, "CERTIFICATE REQUEST") != NULL ||
        pem_find(pem, "NEW CERTIFICATE REQUEST") != NULL)
        findings_add(findings, "csr", SEVERITY_REFUSED, file, why,
            formats[DER_CSR].remedy, "%s", formats[DER_CSR].fact);
    else if (has_pkcs7(pem))
        add_pkcs7(file, why, pem_find(pem, "CMS") != NULL, findings);
    else if (pem_is_private_key(&pem->blocks[0]))
        findings_add(findings, "key-instead-of-certificate", SEVERITY_REFUSED, file, why,
            "are cert and key swapped in the configuration?",
            "there is a private key where the certificate belongs");
    else
        findings_add(findings, "no-certificate", SEVERITY_REFUSED, file, why,
            "put the certificate chain into it, leaf first",
            "there is no certificate in it, only a %s block", label);
}

void pem_check_bad_certificate(
    const char *file, const struct pem_block *block, struct findings *findings)
{
    if (is_der_pkcs7(block->der, block->der_len))
        add_pkcs7(file, a_server_shows, false, findings);
    else
        findings_add(findings, "bad-certificate", SEVERITY_REFUSED, file,
            "bytes were lost or changed on the way here", "copy the file again, whole",
            "the CERTIFICATE block in line %zu holds something that is no certificate",
            block->line);
}
