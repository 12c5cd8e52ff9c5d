#include "proxy/base/memory.h"
#include "proxy/command/cert/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/chain.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/folder.h"
#include "certstore/judge/xenserver.h"
#include "certstore/read/collect.h"
#include "certstore/read/password_file.h"
#include "certstore/read/pem_text.h"
#include "config/path.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/arguments.h"
#include "proxy/command/cert/cert_pool.h"
#include "proxy/command/cert/remote.h"
#include "proxy/command/print.h"
#include "proxy/command/verdict_print.h"
#include "proxy/master/verdict.h"

enum { FILE_NAME_MAX = 128 };

struct cert_export {
    const char *config, *cert, *password_path;
    const char *folder, *to; /* one of the two */
    struct text_list folders;
    bool json, yes, dry_run;
    struct collection collection;
    X509 *certs[COLLECT_MAX]; /* borrowed; the leaf first, each after one it issued */
    size_t count;
    json_t *files, *verdicts;
};

/* ---- the certificates ---- */

/* The configured file of the service that XenServer connects to. */
static char *configured_file(const char *config, struct error *err)
{
    struct settings *settings = settings_load(
        config != NULL ? config : SETTINGS_DEFAULT_FILE, config == NULL, err);
    const struct service_settings *service;
    char *file;

    if (settings == NULL)
        return NULL;
    service = &settings->services[0];
    for (size_t i = 0; i < settings->service_count && service->sni.count > 0; i++)
        service = &settings->services[i];
    file = memory_text(service->cert.items[0]);
    settings_free(settings);
    return file;
}

static void arrange(struct cert_export *e)
{
    X509 *all[COLLECT_MAX];
    size_t order[COLLECT_MAX], count = 0, leaf = 0;
    const struct collected *one;

    while ((one = collection_get(&e->collection, COLLECTED_CERTIFICATE, count)) != NULL)
        all[count++] = one->certificate;
    while (leaf + 1 < count && chain_issues(all, count, leaf))
        leaf++; /* to the first one that issued none of the others */
    if (chain_issues(all, count, leaf))
        leaf = 0;
    e->count = chain_sort(all, count, leaf, order);
    for (size_t i = 0; i < e->count; i++)
        e->certs[i] = all[order[i]];
}

/* A finding that prevents the export of certificates. An unreadable key does not, because
 * it is not exported. */
static const struct finding *first_obstacle(const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *one = &findings->items[i];

        if (one->severity == SEVERITY_REFUSED && strcmp(one->id, "bad-key") != 0 &&
            strcmp(one->id, "key-encrypted") != 0)
            return one;
    }
    return NULL;
}

static bool refuse(const struct finding *obstacle, const char *file, struct error *err)
{
    char text[ERROR_TEXT_MAX];

    if (obstacle == NULL)
        return error_set(err, "%s: there is no certificate in it", file);
    finding_sentence(obstacle, text, sizeof(text));
    return error_set(err, "%s", text);
}

/* Loads all of them or none: the pool's hosts would fail with half of a chain. */
static bool load(
    struct cert_export *e, const char *file, const char *password, struct error *err)
{
    struct findings findings;
    const struct finding *obstacle;
    bool good;

    findings_init(&findings);
    (void)collect_file(&e->collection, file, password, &findings);
    obstacle = first_obstacle(&findings);
    good =
        obstacle == NULL && collection_count(&e->collection, COLLECTED_CERTIFICATE) > 0;
    if (good)
        arrange(e);
    else
        (void)refuse(
            obstacle != NULL ? obstacle : findings_first(&findings, SEVERITY_REFUSED),
            file, err);
    findings_destroy(&findings);
    return good;
}

/* ---- the files ---- */

/* Never replaces a file; one with exactly these bytes is accepted. */
static bool write_new(const struct folder *folder, const char *name,
    const struct pem_text *pem, bool *was_there, struct error *err)
{
    const struct file_access access = folder_access_of_new(folder, 0644);
    struct file_text file;

    if (!folder_write_new(folder, name, pem->text, pem->len, &access, was_there, err))
        return false;
    if (!*was_there)
        return true;
    if (!folder_read(folder, name, &file, err))
        return false;
    if (file.len != pem->len || memcmp(file.text, pem->text, pem->len) != 0)
        error_set(err,
            "%s/%s: there is another file of that name; move it away, or export into "
            "another folder",
            folder->path, name);
    else
        err->text[0] = '\0';
    file_text_destroy(&file);
    return *err->text == '\0';
}

static bool export_one(struct cert_export *e, const struct folder *folder,
    X509 *certificate, struct error *err)
{
    struct pem_text pem = {0};
    char name[FILE_NAME_MAX], subject[512];
    char *path;
    bool was_there, done;

    xenserver_file_name(certificate, name, sizeof(name));
    certificate_subject(certificate, subject, sizeof(subject));
    path = path_join(e->folder, "/", name);
    pem_text_add_certificate(&pem, certificate);
    done = write_new(folder, name, &pem, &was_there, err);
    json_array_append_new(e->files,
        json_pack("{so ss so sb}", "file", utf8_json(path), "name", name, "subject",
            utf8_json(subject), "written", (int)!was_there));
    pem_text_destroy(&pem);
    free(path);
    return done;
}

static void judge(struct cert_export *e)
{
    STACK_OF(X509) *chain = sk_X509_new_null();

    for (size_t i = 1; i < e->count; i++)
        (void)sk_X509_push(chain, e->certs[i]);
    e->verdicts = json_array();
    verdicts_add(
        e->verdicts, &(struct verdict_question){.leaf = e->certs[0], .chain = chain});
    sk_X509_free(chain); /* borrowed certificates */
}

static bool export_all(struct cert_export *e, struct error *err)
{
    struct folder folder = {.fd = -1};
    bool good = folder_make_path(e->folder, err) && folder_open(&folder, e->folder, err);

    for (size_t i = 0; i < e->count && good; i++)
        good = export_one(e, &folder, e->certs[i], err);
    good = good && folder_sync(&folder, err);
    folder_close(&folder);
    if (good)
        judge(e);
    return good;
}

/* ---- the result ---- */

static void print_files(const json_t *files)
{
    const json_t *file;
    size_t i;

    json_array_foreach(files, i, file)
    {
        bool written = json_is_true(json_object_get(file, "written"));

        print_wrapped(
            stdout, written ? "wrote    " : "is there ", json_text(file, "file"));
        print_wrapped(stdout, "         ", json_text(file, "subject"));
    }
}

/* Returns whether some release accepts the chain only with a certificate that is not in
 * the file. */
static bool needs_another_root(const json_t *verdicts)
{
    const json_t *verdict;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        if (json_is_true(json_object_get(verdict, "accepted")) &&
            *json_text(verdict, "install") == '\0')
            return true;
    }
    return false;
}

static void print_export(const struct cert_export *e)
{
    if (e->json) {
        json_t *json =
            json_pack("{sb sO sO}", "ok", 1, "files", e->files, "xenserver", e->verdicts);

        print_json(json);
        json_decref(json);
        return;
    }
    print_files(e->files);
    if (!verdicts_print_commands(e->verdicts) || needs_another_root(e->verdicts))
        print_wrapped(stdout, "",
            "The root is not in the file: get it from the CA; on the coordinator of the "
            "pool install it under a name of its own (xe pool-certificate-install "
            "filename=..., or xe pool-install-ca-certificate filename=... on XenServer "
            "8), then: xe pool-certificate-sync");
}

static int trust_it(struct cert_export *e)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    struct pool_task task = {e->to, e->yes, e->dry_run, e->certs[0], chain};
    int status;

    for (size_t i = 1; i < e->count; i++)
        (void)sk_X509_push(chain, e->certs[i]);
    status = pool_trust(&task);
    sk_X509_free(chain); /* borrowed certificates */
    return status;
}

static bool read_operands(struct cert_export *e, struct error *err)
{
    e->folder = e->folders.count > 0 ? e->folders.items[0] : NULL;
    if (e->folders.count > 1)
        return error_set(err, "there is one word too many: '%s'", e->folders.items[1]);
    if ((e->folder != NULL) == (e->to != NULL))
        return error_set(
            err, "name the folder DIR for the files, or the pool: --to root@HOST");
    if (e->to != NULL && e->json)
        return error_set(err, "--to shows and asks, and has no --json");
    return e->to == NULL || remote_host_check(e->to, err) || error_context(err, "--to");
}

static int run_export(struct cert_export *e)
{
    struct error err = {""};
    char *file = NULL, *password = NULL;
    int status = EXIT_DONE;
    bool done = read_operands(e, &err) && secrets_init(&err) &&
        password_read(e->password_path, &password, &err);

    if (done)
        file = e->cert != NULL ? memory_text(e->cert) : configured_file(e->config, &err);
    done = done && file != NULL && load(e, file, password, &err) &&
        (e->to != NULL || export_all(e, &err));
    if (done && e->to != NULL)
        status = trust_it(e);
    else if (done)
        print_export(e);
    else
        print_failure("cert export-for-pool", e->json, err.text);
    password_free(password);
    free(file);
    collection_destroy(&e->collection);
    json_decref(e->files);
    json_decref(e->verdicts);
    text_list_clear(&e->folders);
    return done ? status : EXIT_FAILED;
}

int cert_export_command(int argc, char **argv)
{
    struct cert_export e = {0};
    const struct argument list[] = {
        ARGUMENT_CONFIG(e.config),
        {.name = "cert",
            .value = "FILE",
            .help = "the chain, else the configured one",
            .text = &e.cert},
        {.name = "to",
            .value = "root@HOST",
            .help = "the pool's coordinator: do it there, by ssh",
            .text = &e.to},
        {.name = "yes", .help = "with --to: do not ask", .flag = &e.yes},
        {.name = "dry-run",
            .help = "with --to: ask the pool, show, change nothing",
            .flag = &e.dry_run},
        ARGUMENT_PASSWORD(e.password_path),
        ARGUMENT_JSON(e.json),
    };
    const struct arguments arguments = {
        .command = "cert export-for-pool",
        .summary =
            "Writes the certificates of the chain into DIR as XenServer takes them: one "
            "per file, under names it accepts, without the key; and prints the xe "
            "commands that install them. Overwrites nothing. With --to it does so: asks "
            "the pool's coordinator for its generation, shows each command and asks, "
            "then copies, installs, synchronises, switches verification on and looks "
            "whether "
            "it is.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "DIR",
        .operands = &e.folders,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    e.files = json_array();
    return run_export(&e);
}
