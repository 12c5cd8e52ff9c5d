#include "proxy/command/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/collect.h"
#include "certstore/credential.h"
#include "certstore/durable.h"
#include "certstore/finding.h"
#include "certstore/judge.h"
#include "certstore/judge_parts.h"
#include "certstore/pem_text.h"
#include "certstore/secret_file.h"
#include "config/error.h"
#include "config/text_list.h"
#include "proxy/command/arguments.h"
#include "proxy/command/password_file.h"
#include "proxy/command/print.h"
#include "proxy/command/summary.h"
#include "proxy/command/verdict.h"
#include "proxy/process/describe.h"

struct cert_check {
    const char *address, *key, *installed; /* NULL: not given */
    const char *password_path;
    char *password;
    struct text_list files;
    bool json;

    struct secret_file first, key_file;
    struct collection collection, pool;
    struct pem_text chain, keys; /* of files that must be put together */
    struct findings findings;
    struct judged_pair pair;
    bool servable;
    json_t *verdicts; /* NULL: there is nothing to ask about */
};

/* --- the files ------------------------------------------------------------------------
 */

static bool has_pem(const struct secret_file *file)
{
    struct pem pem;
    bool found;

    pem_parse(&pem, file->text, file->len);
    found = pem.count > 0;
    pem_destroy(&pem);
    return found;
}

/* What another format holds is judged too; that it is another format, first. */
static void tell_format(struct cert_check *c, const char *path)
{
    struct secret_file file = {0};
    const struct pem none = {0};

    if (!secret_file_read(&file, path, &c->findings))
        return;
    if (!has_pem(&file))
        judge_text(path, file.text, file.len, &none, false, &c->findings);
    secret_file_destroy(&file);
}

static void collect_all(struct cert_check *c)
{
    for (size_t i = 0; i < c->files.count; i++) {
        const size_t before = c->collection.count;

        if (collect_file(&c->collection, c->files.items[i], c->password, &c->findings) &&
            strcmp(c->collection.items[before].format, "PEM") != 0)
            tell_format(c, c->files.items[i]);
    }
}

static void put_together(struct cert_check *c)
{
    for (size_t i = 0; i < c->collection.count; i++) {
        const struct collected *item = &c->collection.items[i];

        if (item->kind == COLLECTED_CERTIFICATE)
            pem_text_add_certificate(&c->chain, item->certificate);
        else if (item->kind == COLLECTED_KEY)
            (void)pem_text_add_key(&c->keys, item->key);
    }
}

/* --- the judgement --------------------------------------------------------------------
 */

static void judge_place(struct cert_check *c)
{
    char *folder = folder_of_path(c->key);
    struct stat state;

    judge_modes(c->key, &c->key_file.state, folder,
        stat(folder, &state) == 0 ? &state : NULL, &c->findings);
    free(folder);
}

static void run_judgement(struct cert_check *c, struct judge_input *input)
{
    input->send_root = true;
    input->now = time(NULL);
    if (c->key != NULL) {
        if (!secret_file_read(&c->key_file, c->key, &c->findings))
            return;
        judge_place(c);
        input->without_key = false;
        input->key_file = c->key;
        input->key_text = c->key_file.text;
        input->key_len = c->key_file.len;
    }
    c->servable = judge_pair(input, &c->pair, &c->findings);
}

/* One file of PEM, as the proxy would read it. */
static void judge_single(struct cert_check *c)
{
    struct judge_input input = {
        .cert_file = c->files.items[0],
        .cert_text = c->first.text,
        .cert_len = c->first.len,
    };
    struct findings told_again;

    findings_init(&told_again);
    (void)collect_text(&c->collection, c->files.items[0], c->first.text, c->first.len,
        c->password, &told_again);
    findings_destroy(&told_again);
    input.without_key = collection_get(&c->collection, COLLECTED_KEY, 0) == NULL &&
        collection_get(&c->collection, COLLECTED_LOCKED_KEY, 0) == NULL;
    run_judgement(c, &input);
}

static void add_no_certificate(struct cert_check *c)
{
    if (findings_worst(&c->findings) == SEVERITY_REFUSED)
        return; /* that is why */
    findings_add(&c->findings, "no-certificate", SEVERITY_REFUSED, NULL,
        "a server shows its certificate to every client",
        "name the file with the server's own certificate, too",
        "there is no certificate in these files");
}

/* As `cat` would make one file of them, whatever their formats. */
static void judge_together(struct cert_check *c)
{
    struct judge_input input = {0};

    collect_all(c);
    put_together(c);
    if (c->chain.len == 0) {
        add_no_certificate(c);
        return;
    }
    input.cert_file = c->files.count == 1 ? c->files.items[0] : NULL;
    input.cert_text = c->chain.text;
    input.cert_len = c->chain.len;
    input.without_key = c->keys.len == 0;
    if (!input.without_key) {
        input.key_file = collection_get(&c->collection, COLLECTED_KEY, 0)->file;
        input.key_text = c->keys.text;
        input.key_len = c->keys.len;
    }
    run_judgement(c, &input);
}

static void judge_key_kind(struct cert_check *c)
{
    EVP_PKEY *key = X509_get0_pubkey(c->pair.leaf);

    if (key != NULL && EVP_PKEY_is_a(key, "RSA"))
        return;
    findings_add(&c->findings, "no-rsa-certificate", SEVERITY_WARNING, c->files.items[0],
        "alone it would lock XenServer out: its client takes RSA certificates only",
        "serve one with an RSA key, too (a second cert = and key = line)",
        "the certificate's key is not RSA");
}

/* --- XenServer ------------------------------------------------------------------------
 */

static STACK_OF(X509) * installed_in_pool(struct cert_check *c)
{
    STACK_OF(X509) * installed;
    const struct collected *one;

    if (c->installed == NULL)
        return NULL;
    installed = sk_X509_new_null();
    for (size_t i = 0; (one = collection_get(&c->pool, COLLECTED_CERTIFICATE, i)) != NULL;
         i++)
        (void)sk_X509_push(installed, one->certificate);
    return installed;
}

/* XAPI takes one certificate per file, and stores what else is in it on every host. */
static void judge_pool_file(struct cert_check *c)
{
    const size_t count = collection_count(&c->pool, COLLECTED_CERTIFICATE);
    const char *remedy = "wlbproxy cert export-for-pool DIR writes the files it takes";

    if (count > 1)
        findings_add(&c->findings, "pool-file-multiple", SEVERITY_WARNING, c->installed,
            "xe refuses it: \"multiple certificates\"", remedy,
            "it has %zu certificates; XenServer takes one per file", count);
    if (collection_count(&c->pool, COLLECTED_KEY) > 0)
        findings_add(&c->findings, "pool-file-key", SEVERITY_WARNING, c->installed,
            "XAPI would copy the key to every host of the pool", remedy,
            "there is a private key in the file for the pool");
}

static bool ask_xenserver(struct cert_check *c)
{
    STACK_OF(X509) * installed;

    if (c->installed != NULL && !collect_file(&c->pool, c->installed, NULL, &c->findings))
        return false;
    judge_pool_file(c);
    installed = installed_in_pool(c);
    c->verdicts = json_array();
    verdicts_add(c->verdicts,
        &(struct verdict_question){
            .leaf = c->pair.leaf,
            .chain = c->pair.chain,
            .address = c->address,
            .installed = installed,
        });
    sk_X509_free(installed); /* borrowed certificates */
    return true;
}

/* --- what came of it ------------------------------------------------------------------
 */

static bool is_good(const struct cert_check *c)
{
    bool asked = c->address != NULL || c->installed != NULL;

    return c->servable && findings_worst(&c->findings) < SEVERITY_STALE &&
        !(asked && !verdicts_are_good(c->verdicts));
}

static void print_check(const struct cert_check *c)
{
    json_t *findings = describe_findings(&c->findings);

    if (c->json) {
        json_t *json = json_pack("{sb so}", "ok", is_good(c), "findings", findings);

        if (c->verdicts != NULL)
            json_object_set(json, "xenserver", c->verdicts);
        print_json(json);
        json_decref(json);
        return;
    }
    print_findings(stdout, findings);
    if (c->verdicts != NULL)
        verdicts_print(c->verdicts);
    else if (c->findings.count > 0)
        putchar('\n');
    summary_print(&c->findings, is_good(c), false);
    json_decref(findings);
}

static void destroy(struct cert_check *c)
{
    json_decref(c->verdicts);
    judged_pair_destroy(&c->pair);
    findings_destroy(&c->findings);
    pem_text_destroy(&c->chain);
    pem_text_destroy(&c->keys);
    collection_destroy(&c->collection);
    collection_destroy(&c->pool);
    secret_file_destroy(&c->first);
    secret_file_destroy(&c->key_file);
}

static int check(struct cert_check *c)
{
    int status;

    if (c->files.count == 1 &&
        !secret_file_read(&c->first, c->files.items[0], &c->findings))
        c->servable = false;
    else if (c->files.count == 1 && has_pem(&c->first))
        judge_single(c);
    else
        judge_together(c);
    if (c->servable) {
        judge_key_kind(c);
        if (c->address != NULL)
            judge_address(c->pair.leaf, c->files.items[0], c->address, &c->findings);
        c->servable = ask_xenserver(c);
    }
    print_check(c);
    status = is_good(c) ? EXIT_DONE : EXIT_NOT_SO;
    destroy(c);
    return status;
}

static bool prepare(struct cert_check *c)
{
    struct error err = {""};

    if (c->files.count == 0)
        error_set(&err,
            "an operand is missing: FILE; for what the configuration names: "
            "wlbproxy check");
    else if (secrets_init(&err) && password_read(c->password_path, &c->password, &err))
        return true;
    fprintf(stderr, "wlbproxy cert check: %s\n", err.text);
    return false;
}

int cert_check_command(int argc, char **argv)
{
    struct cert_check c = {0};
    const struct argument list[] = {
        {.name = "address",
            .value = "HOST",
            .help = "of the pool's WLB URL; else each name it has",
            .text = &c.address},
        {.name = "key", .value = "FILE", .help = "its private key", .text = &c.key},
        {.name = "installed",
            .value = "FILE",
            .help = "the certificate in the pool; else the right one",
            .text = &c.installed},
        ARGUMENT_PASSWORD(c.password_path),
        ARGUMENT_JSON(c.json),
    };
    const struct arguments arguments = {
        .command = "cert check",
        .summary =
            "Judges certificates, in one file or several, as start and reload would, and "
            "tells for each generation of XenServer whether it would accept them and "
            "what to type for it. Changes nothing. Exit status 1: they cannot be served, "
            "are not valid now, or XenServer would not accept them at --address.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "FILE...",
        .operands = &c.files,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON)
        status = prepare(&c) ? check(&c) : EXIT_FAILED;
    password_free(c.password);
    text_list_clear(&c.files);
    return status;
}
