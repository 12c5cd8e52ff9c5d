#include "certstore/credential.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/credential_parts.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/password_file.h"
#include "certstore/read/pem_text.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"
#include "config/error.h"
#include "config/remedy.h"

enum { PAIR_ATTEMPTS = 5, PAIR_PAUSE_MS = 20 };

struct credential {
    int refs;
    struct judged_pair pair;
    struct credential_summary summary;
};

static void summarise(struct credential *c)
{
    struct credential_summary *s = &c->summary;

    certificate_subject(c->pair.leaf, s->subject, sizeof(s->subject));
    certificate_names(c->pair.leaf, s->names, sizeof(s->names));
    certificate_issuer(c->pair.leaf, s->issuer, sizeof(s->issuer));
    certificate_serial(c->pair.leaf, s->serial, sizeof(s->serial));
    certificate_sha256(c->pair.leaf, s->sha256);
    key_describe(c->pair.key, s->key, sizeof(s->key));
    s->not_before = certificate_not_before(c->pair.leaf);
    s->not_after = certificate_not_after(c->pair.leaf);
    s->self_signed = certificate_is_self_signed(c->pair.leaf);
    s->chain_len = 1 + (size_t)sk_X509_num(c->pair.chain);
}

struct credential *credential_of_pair(struct judged_pair *pair)
{
    struct credential *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->refs = 1;
    c->pair = *pair;
    *pair = (struct judged_pair){0};
    summarise(c);
    return c;
}

static struct credential *judge_files(const char *cert_path,
    const struct secret_file *cert, const char *key_path, const struct secret_file *key,
    const char *password, bool send_root, time_t now, struct findings *findings)
{
    const struct secret_file *holds_key = key_path == NULL ? cert : key;
    struct pem_text unlocked;
    bool was_locked = password_unlock(key_path == NULL ? cert_path : key_path,
        holds_key->text, holds_key->len, password, &unlocked);
    const bool merged = was_locked && key_path == NULL;
    const struct judge_input input = {
        .cert_file = cert_path,
        .cert_text = merged ? unlocked.text : cert->text,
        .cert_len = merged ? unlocked.len : cert->len,
        .key_file = key_path,
        .key_text = was_locked && !merged ? unlocked.text : key->text,
        .key_len = was_locked && !merged ? unlocked.len : key->len,
        .password_given = password != NULL,
        .send_root = send_root,
        .now = now,
    };
    struct judged_pair pair;
    bool good;

    judge_place(key_path == NULL ? cert_path : key_path,
        key_path == NULL ? &cert->state : &key->state, findings);
    good = judge_pair(&input, &pair, findings);
    if (was_locked)
        pem_text_destroy(&unlocked);
    return good ? credential_of_pair(&pair) : NULL;
}

/* Both files as they were at one moment: the certificate must still be the one that was
 * read when the key has been. */
static bool read_pair(const char *cert_path, struct secret_file *cert,
    const char *key_path, struct secret_file *key, struct findings *findings)
{
    const struct timespec pause = {0, PAIR_PAUSE_MS * 1000000L};

    for (int i = 0;; i++) {
        if (!secret_file_read(cert, cert_path, findings))
            return false;
        if (key_path == NULL)
            return true;
        if (!secret_file_read(key, key_path, findings))
            break;
        if (secret_file_is_current(cert, cert_path))
            return true;
        if (i == PAIR_ATTEMPTS) {
            findings_add(findings, "changing", SEVERITY_REFUSED, cert_path,
                "certificate and key must be of one moment",
                "wait until they have been replaced, then: " COMMAND("wlbproxy reload"),
                "it was replaced again and again while its key was read");
            break;
        }
        secret_file_destroy(key);
        secret_file_destroy(cert);
        (void)nanosleep(&pause, NULL);
    }
    secret_file_destroy(key);
    secret_file_destroy(cert);
    return false;
}

struct credential *credential_load(const char *cert_path, const char *key_path,
    bool send_root, time_t now, struct findings *findings, struct error *err)
{
    return credential_load_encrypted(
        cert_path, key_path, NULL, send_root, now, findings, err);
}

struct credential *credential_load_encrypted(const char *cert_path, const char *key_path,
    const char *password_path, bool send_root, time_t now, struct findings *findings,
    struct error *err)
{
    struct secret_file cert = {0}, key = {0};
    const size_t before = findings->count;
    struct credential *credential = NULL;
    char *password = NULL;

    if (key_path != NULL && (*key_path == '\0' || strcmp(key_path, cert_path) == 0))
        key_path = NULL;
    if (password_load(password_path, &password, findings) &&
        read_pair(cert_path, &cert, key_path, &key, findings)) {
        credential = judge_files(
            cert_path, &cert, key_path, &key, password, send_root, now, findings);
        secret_file_destroy(&cert);
        secret_file_destroy(&key);
    }
    password_free(password);
    for (size_t i = before; credential == NULL && i < findings->count; i++) {
        if (findings->items[i].severity != SEVERITY_REFUSED)
            continue;
        finding_sentence(&findings->items[i], err->text, sizeof(err->text));
        break;
    }
    return credential;
}

struct credential *credential_ref(struct credential *credential)
{
    credential->refs++;
    return credential;
}

void credential_unref(struct credential *credential)
{
    if (credential == NULL || --credential->refs > 0)
        return;
    assert(credential->refs == 0);
    judged_pair_destroy(&credential->pair);
    free(credential);
}

const struct credential_summary *credential_summary(const struct credential *credential)
{
    return &credential->summary;
}

bool credential_equal(const struct credential *a, const struct credential *b)
{
    int count = sk_X509_num(a->pair.chain);
    bool equal = count == sk_X509_num(b->pair.chain) &&
        X509_cmp(a->pair.leaf, b->pair.leaf) == 0 &&
        EVP_PKEY_eq(a->pair.key, b->pair.key) == 1;

    for (int i = 0; equal && i < count; i++)
        equal = X509_cmp(sk_X509_value(a->pair.chain, i),
                    sk_X509_value(b->pair.chain, i)) == 0;
    return equal;
}

X509 *credential_leaf(const struct credential *credential)
{
    return credential->pair.leaf;
}

struct stack_st_X509 *credential_chain(const struct credential *credential)
{
    return credential->pair.chain;
}

EVP_PKEY *credential_key(const struct credential *credential)
{
    return credential->pair.key;
}

const unsigned char *credential_key_der(const struct credential *credential, size_t *len)
{
    *len = credential->pair.key_der_len;
    return credential->pair.key_der;
}

uint64_t credential_key_number(const struct credential *credential)
{
    return certificate_key_number(credential->pair.leaf);
}

const struct judged_pair *credential_pair(const struct credential *credential)
{
    return &credential->pair;
}

bool credential_member(const struct credential *credential, size_t i, char *subject,
    size_t size, time_t *not_before, time_t *not_after)
{
    const X509 *member = credential->pair.leaf;

    if (i > (size_t)sk_X509_num(credential->pair.chain))
        return false;
    if (i > 0)
        member = sk_X509_value(credential->pair.chain, (int)i - 1);
    certificate_subject(member, subject, size);
    *not_before = certificate_not_before(member);
    *not_after = certificate_not_after(member);
    return true;
}
