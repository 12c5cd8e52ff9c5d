#include "proxy/command/cert/cert_fresh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/arrange.h"
#include "certstore/install/folder.h"
#include "certstore/install/pair_switch.h"
#include "certstore/judge/judge.h"
#include "certstore/read/password_file.h"
#include "certstore/secrets.h"
#include "config/path.h"
#include "config/remedy.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/apart.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/master/regression.h"

struct gathering {
    const struct cert_place *place;
    const struct cert_source *source;
    struct findings *findings;
    struct collection fresh, known; /* they borrow the names of their files */
    char *password;
    struct text_list names; /* owned names of further files */
};

/* A pair in place may be missing or broken: then it contributes nothing. */
static void collect_if_good(struct collection *collection, const char *file,
    const char *text, size_t len, const char *password)
{
    struct findings ignored;

    findings_init(&ignored);
    if (text != NULL)
        (void)collect_text(collection, file, text, len, password, &ignored);
    findings_destroy(&ignored);
}

/* For our own file beside the pair: a link to another's file is not followed. */
static void collect_file_if_good(
    struct collection *collection, const char *path, const char *password)
{
    struct file_text file;
    struct error ignored;

    if (!file_read(path, &file, &ignored))
        return;
    collect_if_good(collection, path, file.text, file.len, password);
    file_text_destroy(&file);
}

/* Returns the same name, kept for as long as the collections live. */
static const char *keep_name(struct gathering *g, char *name)
{
    text_list_add(&g->names, name);
    free(name);
    return g->names.items[g->names.count - 1];
}

/* Also collects keys that newer requests have moved aside, because the CA may have signed
 * an older request. */
static void collect_waiting_keys(struct gathering *g)
{
    for (size_t i = 0; i < CERT_WAITING_MAX; i++)
        collect_file_if_good(&g->known, keep_name(g, cert_place_waiting_key(g->place, i)),
            g->place->password);
}

/* Collects the keys of pairs that were replaced or rolled back: the answer to an older
 * request may be installed again. */
static void collect_keys_of(struct gathering *g, const struct pair_kept *kept)
{
    const char *folder = keep_name(g, path_join(g->place->pair.store, "/", kept->name));
    const struct collected *one;

    for (int i = 0; i < PAIR_FILES; i++) {
        struct collection found;

        collection_init(&found);
        collect_if_good(
            &found, folder, kept->text.text[i], kept->text.len[i], g->place->password);
        for (size_t k = 0; (one = collection_get(&found, COLLECTED_KEY, k)) != NULL; k++)
            collection_add_key(&g->known, one->key, folder);
        collection_destroy(&found);
    }
}

static void collect_kept_keys(struct gathering *g)
{
    struct pair_kept kept = {0};

    while (pair_file_next_kept(&g->place->pair, &kept)) {
        collect_keys_of(g, &kept);
        pair_text_destroy(&kept.text);
    }
}

/* The chain in place may complete the new one. A key in place may belong to the new pair,
 * too, unless the operator has named the key. */
static bool collect_known(struct gathering *g, struct error *err)
{
    const char *const files[PAIR_FILES] = {g->place->cert, g->place->key};
    struct pair_text present;

    if (g->source->key == NULL)
        collect_waiting_keys(g);
    if (!pair_file_read(&g->place->pair, &present, err))
        return false;
    for (int i = 0; i < PAIR_FILES; i++) {
        if (i == PAIR_CERT || g->source->key == NULL)
            collect_if_good(
                &g->known, files[i], present.text[i], present.len[i], g->place->password);
    }
    pair_text_destroy(&present);
    if (g->source->key == NULL)
        collect_kept_keys(g);
    return true;
}

static size_t refusals(const struct findings *findings)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->count; i++)
        count += findings->items[i].severity == SEVERITY_REFUSED;
    return count;
}

/* Reads standard input to its end, or one byte more than a chain can have; -1: errno. */
static ssize_t read_input(char *text)
{
    size_t len = 0;

    while (len <= PEM_TEXT_MAX) {
        ssize_t got = read(STDIN_FILENO, text + len, PEM_TEXT_MAX + 1 - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static void collect_input(struct gathering *g, const char *password)
{
    static const char name[] = "standard input";
    char *text = secrets_alloc(PEM_TEXT_MAX + 1);
    ssize_t len = read_input(text);

    if (len < 0)
        findings_add(g->findings, "unreadable", SEVERITY_REFUSED, name,
            "the certificate was to come from there", "name its file instead",
            "it cannot be read: %s", error_reason(errno));
    else if (len > PEM_TEXT_MAX)
        findings_add(g->findings, "too-large", SEVERITY_REFUSED, name,
            "no chain is that long; it is probably something else",
            "put only the chain of this server into it", "it has more than 1 MiB");
    else
        (void)collect_text_apart(
            &g->fresh, name, text, (size_t)len, password, false, g->findings);
    secrets_free(text, PEM_TEXT_MAX + 1);
}

static void collect_one(struct gathering *g, const char *file, const char *password)
{
    if (strcmp(file, "-") == 0)
        collect_input(g, password);
    else
        (void)collect_file_apart(&g->fresh, file, password, false, g->findings);
}

/* The order is the preference for keys. */
static bool collect_all(struct gathering *g, struct error *err)
{
    const struct cert_source *source = g->source;
    const char *password = g->password != NULL ? g->password : g->place->password;
    size_t before = refusals(g->findings);

    if (source->key != NULL)
        (void)collect_file(&g->fresh, source->key, password, g->findings);
    for (size_t i = 0; i < source->files->count; i++)
        collect_one(g, source->files->items[i], password);
    if (refusals(g->findings) > before)
        return false;
    return collect_known(g, err);
}

static bool judge(struct cert_fresh *fresh, const char *cert_file, const char *key_file,
    const struct cert_place *place, struct findings *findings)
{
    const struct judge_input input = {
        .cert_file = cert_file,
        .cert_text = fresh->chain.text,
        .cert_len = fresh->chain.len,
        .key_file = key_file,
        .key_text = fresh->key.text,
        .key_len = fresh->key.len,
        .send_root = place->service == NULL || place->service->send_root,
        .now = time(NULL),
    };
    struct judged_pair pair;

    if (!judge_pair(&input, &pair, findings))
        return false;
    fresh->credential = credential_of_pair(&pair);
    judge_address(credential_leaf(fresh->credential), cert_file, place->name, findings);
    if (place->service != NULL && place->service->cert.count == 1)
        judge_service(place->service, &fresh->credential, 1, findings);
    return true;
}

/* Compares it with the pair that it replaces, if that can be served at all. */
static void compare(const struct cert_fresh *fresh, const char *file,
    const struct cert_place *place, struct findings *findings)
{
    struct findings ignored;
    struct error err;
    struct credential *present;

    findings_init(&ignored);
    present = cert_place_load(place, &ignored, &err);
    if (present != NULL)
        regression_compare(file, credential_summary(present),
            credential_summary(fresh->credential), findings);
    if (present != NULL && place->service != NULL && place->service->cert.count == 1)
        (void)judge_lost(&(struct judged_service){place->service, &present, 1},
            &(struct judged_service){place->service, &fresh->credential, 1}, time(NULL),
            SEVERITY_STALE, findings);
    credential_unref(present);
    findings_destroy(&ignored);
}

static void summarise(struct cert_fresh *fresh, size_t count, const char *key_file)
{
    const struct credential_summary *s = credential_summary(fresh->credential);

    snprintf(fresh->summary, sizeof(fresh->summary), "%zu certificate%s; %s key%s%s",
        count, count == 1 ? "" : "s", s->key, key_file != NULL ? " from " : "",
        key_file != NULL ? key_file : "");
}

static bool has_key(const char *file, const char *password, const EVP_PKEY *key)
{
    struct collection collection;
    const struct collected *one;
    bool same;

    collection_init(&collection);
    collect_file_if_good(&collection, file, password);
    one = collection_get(&collection, COLLECTED_KEY, 0);
    same = one != NULL && EVP_PKEY_eq(one->key, key) == 1;
    collection_destroy(&collection);
    return same;
}

/* Returns the file in which this key waits, if it does: it may have come by way of a
 * pending pair. The caller frees. */
static char *where_it_waits(
    const struct cert_place *place, const struct credential *credential)
{
    for (size_t i = 0; i < CERT_WAITING_MAX; i++) {
        char *file = cert_place_waiting_key(place, i);

        if (has_key(file, place->password, credential_key(credential)))
            return file;
        free(file);
    }
    return NULL;
}

/* The key was judged in the clear. On the disk it is encrypted with the passphrase of the
 * place. */
static bool lock_key(struct cert_fresh *fresh, const struct cert_place *place)
{
    if (place->password == NULL)
        return true;
    pem_text_destroy(&fresh->key);
    return pem_text_add_encrypted_key(
        &fresh->key, credential_key(fresh->credential), place->password);
}

static bool arrange_and_judge(struct cert_fresh *fresh, struct gathering *g)
{
    struct arrangement arrangement;
    const char *key_file, *cert_file;

    if (!arrange(&g->fresh, &g->known, &arrangement, g->findings))
        return false;
    cert_file = arrangement.sent[0]->file;
    key_file = arrangement.key->file;
    if (!arrangement_write(&arrangement, &fresh->chain, &fresh->key)) {
        findings_add(g->findings, "key-unknown", SEVERITY_REFUSED, key_file,
            "this OpenSSL cannot write it",
            "make a new request: " COMMAND("wlbproxy cert request"),
            "it is of a kind that cannot be used");
        return false;
    }
    if (!judge(fresh, cert_file, key_file, g->place, g->findings))
        return false;
    if (!lock_key(fresh, g->place))
        return false;
    fresh->waiting_key = where_it_waits(g->place, fresh->credential);
    compare(fresh, cert_file, g->place, g->findings);
    summarise(fresh, arrangement.count, key_file);
    return true;
}

bool cert_fresh_gather(struct cert_fresh *fresh, const struct cert_place *place,
    const struct cert_source *source, struct findings *findings, struct error *err)
{
    struct gathering g = {.place = place, .source = source, .findings = findings};
    bool good;

    *fresh = (struct cert_fresh){0};
    err->text[0] = '\0';
    collection_init(&g.fresh);
    collection_init(&g.known);
    good = password_read(source->password_file, &g.password, err) &&
        collect_all(&g, err) && arrange_and_judge(fresh, &g);
    collection_destroy(&g.fresh);
    collection_destroy(&g.known);
    password_free(g.password);
    text_list_clear(&g.names);
    if (!good)
        cert_fresh_destroy(fresh);
    return good;
}

bool cert_fresh_of(struct cert_fresh *fresh, X509 *certificate, EVP_PKEY *key,
    const struct cert_place *place, struct findings *findings)
{
    *fresh = (struct cert_fresh){0};
    pem_text_add_certificate(&fresh->chain, certificate);
    if (!pem_text_add_key(&fresh->key, key) ||
        !judge(fresh, place->cert, place->key != NULL ? place->key : place->cert, place,
            findings) ||
        !lock_key(fresh, place)) {
        cert_fresh_destroy(fresh);
        return false;
    }
    summarise(fresh, 1, NULL);
    return true;
}

void cert_fresh_destroy(struct cert_fresh *fresh)
{
    pem_text_destroy(&fresh->chain);
    pem_text_destroy(&fresh->key);
    credential_unref(fresh->credential);
    free(fresh->waiting_key);
    *fresh = (struct cert_fresh){0};
}

struct pair_text cert_fresh_text(struct cert_fresh *fresh, bool merged)
{
    if (merged)
        pem_text_append(&fresh->chain, &fresh->key);
    return (struct pair_text){
        .text = {fresh->chain.text, merged ? NULL : fresh->key.text},
        .len = {fresh->chain.len, merged ? 0 : fresh->key.len},
    };
}
