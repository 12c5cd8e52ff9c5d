#include "certstore/trust.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certstore/certificate.h"
#include "certstore/pem.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* A certificate or list that was lost would be missed by nobody: a client of that CA is
 * turned away, or a revoked one let in. */
static bool is_whole(const struct pem *pem, struct error *err)
{
    if (pem_lost_line(pem) > 0)
        return error_set(err,
            "line %zu was to begin or end a block, and does not: -----BEGIN LABEL----- "
            "must begin the line; show what is there with: sed -n %zup F | cat -A",
            pem_lost_line(pem), pem_lost_line(pem));
    return !pem->too_many ||
        error_set(err, "there are more than %d blocks in it", PEM_BLOCKS_MAX);
}

static bool parse_authorities(
    struct trust *trust, OSSL_LIB_CTX *libctx, const struct pem *pem, struct error *err)
{
    for (size_t i = 0; i < pem->count; i++) {
        const struct pem_block *block = &pem->blocks[i];
        X509 *authority;

        if (!pem_is_certificate(block))
            continue;
        authority = block->der == NULL
            ? NULL
            : certificate_parse(block->der, block->der_len,
                  strcmp(block->label, "TRUSTED CERTIFICATE") == 0, libctx);
        if (authority == NULL)
            return error_set(err,
                "the block in line %zu is not a certificate; is the file whole?",
                block->line);
        memory_require(sk_X509_push(trust->authorities, authority) != 0);
    }
    return is_whole(pem, err) &&
        (sk_X509_num(trust->authorities) > 0 ||
            error_set(err,
                "there is no certificate in the file; name a PEM file with the issuers "
                "of the client certificates"));
}

static X509_CRL *parse_list(const struct pem_block *block, OSSL_LIB_CTX *libctx)
{
    X509_CRL *list = X509_CRL_new_ex(libctx, NULL);
    const unsigned char *at = block->der;

    if (at != NULL && d2i_X509_CRL(&list, &at, (long)block->der_len) != NULL)
        return list;
    if (at == NULL)
        X509_CRL_free(list); /* else d2i freed it */
    return NULL;
}

static bool parse_lists(
    struct trust *trust, OSSL_LIB_CTX *libctx, const struct pem *pem, struct error *err)
{
    for (size_t i = 0; i < pem->count; i++) {
        X509_CRL *list;

        if (strcmp(pem->blocks[i].label, "X509 CRL") != 0)
            continue;
        list = parse_list(&pem->blocks[i], libctx);
        if (list == NULL)
            return error_set(err,
                "the block in line %zu is not a revocation list; is the file whole?",
                pem->blocks[i].line);
        memory_require(sk_X509_CRL_push(trust->lists, list) != 0);
    }
    return is_whole(pem, err) &&
        (sk_X509_CRL_num(trust->lists) > 0 ||
            error_set(err,
                "there is no X509 CRL block in the file; a list in DER becomes PEM with: "
                "openssl crl -inform DER -in F -out F.pem"));
}

bool trust_parse(struct trust *trust, OSSL_LIB_CTX *libctx, const char *ca_pem,
    const char *crl_pem, struct error *err)
{
    struct pem pem;
    bool done = true;

    trust->authorities = memory_checked(sk_X509_new_null());
    trust->lists = memory_checked(sk_X509_CRL_new_null());
    if (ca_pem != NULL) {
        pem_parse(&pem, ca_pem, strlen(ca_pem));
        done = parse_authorities(trust, libctx, &pem, err);
        pem_destroy(&pem);
    }
    if (done && crl_pem != NULL) {
        pem_parse(&pem, crl_pem, strlen(crl_pem));
        done = parse_lists(trust, libctx, &pem, err);
        pem_destroy(&pem);
    }
    ERR_clear_error();
    if (!done)
        trust_destroy(trust);
    return done;
}

/* The system's bundle has more certificates than a file of an administrator may have. */
bool trust_parse_backends(
    struct trust *trust, OSSL_LIB_CTX *libctx, const char *ca_pem, struct error *err)
{
    BIO *text = memory_checked(BIO_new_mem_buf(ca_pem, -1));
    X509 *authority = memory_checked(X509_new_ex(libctx, NULL));
    int count;
    bool done;

    trust->authorities = memory_checked(sk_X509_new_null());
    trust->lists = memory_checked(sk_X509_CRL_new_null());
    while (PEM_read_bio_X509(text, &authority, NULL, NULL) != NULL) {
        memory_require(sk_X509_push(trust->authorities, authority) != 0);
        authority = memory_checked(X509_new_ex(libctx, NULL));
    }
    count = sk_X509_num(trust->authorities);
    done = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ||
        error_set(err,
            "certificate %d of the file cannot be read; is the "
            "file whole?",
            count + 1);
    if (done && count == 0)
        done = error_set(err,
            "there is no certificate in the file; name a PEM file with the issuers of "
            "the backends' certificates");
    X509_free(authority);
    BIO_free(text);
    ERR_clear_error();
    if (!done)
        trust_destroy(trust);
    return done;
}

bool trust_check(enum trust_kind kind, const char *pem_text, struct error *err)
{
    struct trust trust;
    bool good = kind == TRUST_BACKENDS ? trust_parse_backends(&trust, NULL, pem_text, err)
        : kind == TRUST_LISTS          ? trust_parse(&trust, NULL, NULL, pem_text, err)
                                       : trust_parse(&trust, NULL, pem_text, NULL, err);

    if (good)
        trust_destroy(&trust);
    return good;
}

void trust_destroy(struct trust *trust)
{
    sk_X509_pop_free(trust->authorities, X509_free);
    sk_X509_CRL_pop_free(trust->lists, X509_CRL_free);
    *trust = (struct trust){0};
}

void trust_fill_store(const struct trust *trust, X509_STORE *store)
{
    for (int i = 0; i < sk_X509_num(trust->authorities); i++)
        (void)X509_STORE_add_cert(store, sk_X509_value(trust->authorities, i));
    for (int i = 0; i < sk_X509_CRL_num(trust->lists); i++)
        (void)X509_STORE_add_crl(store, sk_X509_CRL_value(trust->lists, i));
    if (sk_X509_CRL_num(trust->lists) > 0)
        (void)X509_STORE_set_flags(
            store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    ERR_clear_error();
}

time_t trust_time(const ASN1_TIME *when)
{
    struct tm parts = {0};

    return when != NULL && ASN1_TIME_to_tm(when, &parts) == 1 ? timegm(&parts) : 0;
}

size_t trust_members(
    const char *ca_pem, const char *crl_pem, struct trust_member **members)
{
    struct trust trust;
    struct error ignored;
    size_t count = 0;

    *members = NULL;
    if (!trust_parse(&trust, NULL, ca_pem, crl_pem, &ignored))
        return 0;
    *members = memory_array(
        (size_t)sk_X509_num(trust.authorities) + (size_t)sk_X509_CRL_num(trust.lists),
        sizeof(**members));
    for (int i = 0; i < sk_X509_num(trust.authorities); i++) {
        const X509 *authority = sk_X509_value(trust.authorities, i);
        struct trust_member *member = &(*members)[count++];

        certificate_subject(authority, member->title, sizeof(member->title));
        member->from = certificate_not_before(authority);
        member->to = certificate_not_after(authority);
    }
    for (int i = 0; i < sk_X509_CRL_num(trust.lists); i++) {
        const X509_CRL *list = sk_X509_CRL_value(trust.lists, i);
        struct trust_member *member = &(*members)[count];

        if (X509_CRL_get0_nextUpdate(list) == NULL)
            continue;
        name_text(X509_CRL_get_issuer(list), member->title, sizeof(member->title));
        member->is_list = true;
        member->from = trust_time(X509_CRL_get0_lastUpdate(list));
        member->to = trust_time(X509_CRL_get0_nextUpdate(list));
        count++;
    }
    trust_destroy(&trust);
    return count;
}

bool trust_add_pins(const char *pem_text, struct text_list *pins, struct error *err)
{
    const size_t before = pins->count;
    struct pem pem;
    bool good = true;

    pem_parse(&pem, pem_text, strlen(pem_text));
    for (size_t i = 0; good && i < pem.count; i++) {
        const struct pem_block *block = &pem.blocks[i];
        X509 *certificate;
        char digest[65];

        if (!pem_is_certificate(block))
            continue;
        certificate = block->der == NULL
            ? NULL
            : certificate_parse(block->der, block->der_len,
                  strcmp(block->label, "TRUSTED CERTIFICATE") == 0, NULL);
        good = certificate != NULL;
        if (!good) {
            error_set(err,
                "the block in line %zu is not a certificate; is the file whole?",
                block->line);
            break;
        }
        certificate_sha256(certificate, digest);
        text_list_add(pins, digest);
        X509_free(certificate);
    }
    if (good)
        good = is_whole(&pem, err);
    if (good && pins->count == before)
        good = error_set(err, "there is no certificate in the file");
    pem_destroy(&pem);
    return good;
}
