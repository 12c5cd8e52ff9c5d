#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/folder.h"
#include "certstore/install/make_certificate.h"
#include "certstore/install/subject.h"
#include "certstore/read/collect.h"
#include "certstore/read/pem_text.h"
#include "config/path.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert.h"
#include "proxy/command/cert/cert_change.h"
#include "proxy/command/cert/cert_key.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"

struct request {
    struct cert_flags flags;
    struct cert_key key;
    struct text_list names;
    const char *subject_text; /* NULL: not given */
    struct subject_parts parts;
    struct cert_place place;
    struct cert_say say;
};

static EVP_PKEY *key_in(
    const struct request *r, const struct file_text *file, struct error *err)
{
    const char *path = r->place.pending_key;
    const struct collected *one;
    struct collection collection;
    struct findings findings;
    EVP_PKEY *key = NULL;

    findings_init(&findings);
    collection_init(&collection);
    (void)collect_text(
        &collection, path, file->text, file->len, r->place.password, &findings);
    one = collection_get(&collection, COLLECTED_KEY, 0);
    if (one == NULL)
        error_set(err, "%s is there, but holds no key; for a new one: --force", path);
    else if (r->key.kind_given && !key_kind_fits(&r->key.kind, one->key))
        error_set(err,
            "%s waits for its certificate already, and is of another kind; for a new "
            "one: --force (the waiting one is kept)",
            path);
    else if (EVP_PKEY_up_ref(one->key) == 1)
        key = one->key;
    collection_destroy(&collection);
    findings_destroy(&findings);
    return key;
}

/* Reads the key that waits already: a CA may be signing its request just now. NULL: none,
 * or err. */
static EVP_PKEY *waiting_key(const struct request *r, struct error *err)
{
    struct file_text file;
    EVP_PKEY *key = NULL;

    err->text[0] = '\0';
    if (r->flags.force || !file_read(r->place.pending_key, &file, err))
        return NULL;
    if (file.text != NULL)
        key = key_in(r, &file, err);
    file_text_destroy(&file);
    return key;
}

static bool write_file(const struct request *r, const char *path,
    const struct pem_text *pem, mode_t mode, struct error *err)
{
    struct file_access access = {.is_known = true, .mode = mode};

    pair_file_owner(&r->place.pair, &access.uid, &access.gid);
    return file_write(path, pem->text, pem->len, &access, err);
}

/* Renames it to the first free name. The CA may sign for either key, so none is
 * overwritten. */
static bool move_aside(
    const struct request *r, const struct folder *folder, char **kept, struct error *err)
{
    const char *name = name_of_path(r->place.pending_key);

    for (size_t i = 1; i < CERT_WAITING_MAX; i++) {
        bool taken, good = true;

        free(*kept);
        *kept = cert_place_waiting_key(&r->place, i);
        if (r->say.dry_run)
            good = folder_has(folder, name_of_path(*kept), &taken, err);
        else
            good = folder_rename_new(folder, name, name_of_path(*kept), &taken, err);
        if (!good || !taken)
            return good;
    }
    return error_set(err,
        "%s: %d keys wait for their certificates; move those away that no CA will sign",
        r->place.pending_key, CERT_WAITING_MAX);
}

static bool keep_waiting_key(struct request *r, struct error *err)
{
    char *parent = folder_of_path(r->place.pending_key), *kept = NULL;
    struct folder folder;
    bool waits,
        good = folder_open(&folder, parent, err) &&
        folder_has(&folder, name_of_path(r->place.pending_key), &waits, err);

    if (good && waits) {
        good = move_aside(r, &folder, &kept, err);
        if (good)
            cert_say_step(&r->say, "keep", "kept", "the key that waited: %s", kept);
    }
    folder_close(&folder);
    free(kept);
    free(parent);
    return good;
}

static EVP_PKEY *new_key(struct request *r, struct error *err)
{
    struct pem_text pem = {0};
    EVP_PKEY *key = cert_key_make(&r->key, err);
    const char *path = r->place.pending_key;
    bool good = key != NULL;

    if (good &&
        !(r->place.password == NULL
                ? pem_text_add_key(&pem, key)
                : pem_text_add_encrypted_key(&pem, key, r->place.password)))
        good = error_set(err, "the key cannot be written");
    good = good && keep_waiting_key(r, err) &&
        (r->say.dry_run || write_file(r, path, &pem, 0600, err));
    pem_text_destroy(&pem);
    if (good)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static bool write_request(
    struct request *r, const struct subject *subject, EVP_PKEY *key, struct error *err)
{
    struct pem_text pem = {0};
    struct X509_req_st *request = request_make(subject, key, err);
    bool good = request != NULL;

    if (good)
        pem_text_add_request(&pem, request);
    X509_REQ_free(request);
    if (good && !r->say.dry_run)
        good = write_file(r, r->place.csr, &pem, 0644, err);
    pem_text_destroy(&pem);
    return good;
}

static void tell(struct request *r, EVP_PKEY *key, bool reused)
{
    char kind[32], next[512], more[48] = "";

    key_describe(key, kind, sizeof(kind));
    if (reused)
        cert_say_step(&r->say, "keep", "kept", "%s (%s): it waits already",
            r->place.pending_key, kind);
    else
        cert_say_step(
            &r->say, "write", "wrote", "%s (0600, %s)", r->place.pending_key, kind);
    if (r->names.count > 0)
        snprintf(more, sizeof(more), " and %zu more name%s", r->names.count,
            r->names.count == 1 ? "" : "s");
    cert_say_step(
        &r->say, "write", "wrote", "%s: for %s%s", r->place.csr, r->place.name, more);
    snprintf(next, sizeof(next),
        r->say.dry_run
            ? "DRY RUN: nothing was changed"
            : "send the request to the CA, and then: wlbproxy cert install FILE... with "
              "what it returns; until then all is served as before");
    cert_say_result(&r->say, "next", next, next);
}

static int make(struct request *r, const struct subject *subject)
{
    struct error err;
    EVP_PKEY *key = waiting_key(r, &err);
    bool reused = key != NULL;
    int status = EXIT_FAILED;

    if (key == NULL && *err.text != '\0') {
        cert_say_error(&r->say, &err);
        return EXIT_NEGATIVE;
    }
    if (key == NULL)
        key = new_key(r, &err);
    if (key != NULL && write_request(r, subject, key, &err)) {
        tell(r, key, reused);
        status = EXIT_DONE;
    } else {
        cert_say_error(&r->say, &err);
    }
    EVP_PKEY_free(key);
    return status;
}

static void judge(struct request *r, const struct subject *subject)
{
    struct findings findings;

    findings_init(&findings);
    subject_judge(subject, &findings);
    if (r->key.kind.curve != NULL)
        findings_add(&findings, "ec-only", SEVERITY_WARNING, NULL,
            "XenServer's client speaks RSA only: it cannot connect to an EC certificate",
            "ask with an RSA key, or serve an RSA certificate beside it",
            "the key is of the kind EC %s", r->key.kind.curve);
    cert_say_findings(&r->say, &findings);
    findings_destroy(&findings);
}

/* Refuses to overwrite a key, which a typing error may have named. */
static bool may_write(const char *path, struct error *err)
{
    struct collection collection;
    struct findings findings;
    struct file_text file;
    bool good;

    if (!file_read(path, &file, err))
        return false;
    findings_init(&findings);
    collection_init(&collection);
    if (file.len > 0)
        (void)collect_text(&collection, path, file.text, file.len, NULL, &findings);
    good = file.len == 0 || collection.count > 0;
    for (size_t i = 0; i < collection.count; i++)
        good = good && collection.items[i].kind == COLLECTED_REQUEST;
    collection_destroy(&collection);
    findings_destroy(&findings);
    file_text_destroy(&file);
    return good ||
        error_set(err,
            "%s: what is there is not a signing request, and is left as it is; give "
            "another path: --csr FILE",
            path);
}

static int request(struct request *r)
{
    struct subject subject = {.others = &r->names};
    struct error err;

    if (!secrets_init(&err) || !cert_key_parse(&r->key, &err) ||
        !cert_place_find(&r->place, &r->flags, r->key.file, &err))
        goto failed;
    subject.name = r->place.name;
    subject.parts = &r->parts;
    if (r->subject_text != NULL && !subject_parts_parse(r->subject_text, &r->parts, &err))
        goto failed;
    if (!subject_check(&subject, &err) || !cert_change_open(&r->place, &r->say, &err))
        goto failed;
    if (!may_write(r->place.csr, &err)) {
        cert_say_error(&r->say, &err);
        return EXIT_NEGATIVE;
    }
    judge(r, &subject);
    return make(r, &subject);
failed:
    cert_say_error(&r->say, &err);
    return EXIT_FAILED;
}

int cert_request_command(int argc, char **argv)
{
    struct request r = {.place = {.pair = PAIR_FILE_EMPTY}};
    const struct argument list[] = {
        CERT_FLAGS(r.flags, "make a new key though one waits"),
        {.name = "key", .value = "KIND|FILE", .help = KEY_KINDS, .texts = &r.key.given},
        {.name = "san", .value = "NAME", .help = "one more name", .texts = &r.names},
        {.name = "subject",
            .value = "C=..,O=..",
            .help = "C, ST, L, O, OU, as the CA wants them",
            .text = &r.subject_text},
        {.name = "csr", .value = "FILE", .help = "the request", .text = &r.flags.csr},
    };
    const struct arguments arguments = {
        .command = "cert request",
        .summary =
            "Makes a key and the signing request (CSR) for a CA; warns about what "
            "XenServer's client would not match. The key waits beside the one in place, "
            "which stays untouched; `cert install` finds it. A key that waits already is "
            "used again; --force makes a new one.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON) {
        cert_say_init(&r.say, "cert request", r.flags.json, r.flags.dry_run);
        status = cert_say_end(&r.say, request(&r));
    }
    cert_place_destroy(&r.place);
    text_list_clear(&r.key.given);
    text_list_clear(&r.names);
    return status;
}
