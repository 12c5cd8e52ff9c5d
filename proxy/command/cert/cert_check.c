#include "proxy/command/cert/cert.h"

#include <stdio.h>

#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/collect.h"
#include "certstore/read/password_file.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/apart.h"
#include "proxy/command/arguments.h"
#include "proxy/command/candidate.h"
#include "proxy/command/print.h"
#include "proxy/command/summary.h"
#include "proxy/command/verdict_print.h"
#include "proxy/master/describe.h"
#include "proxy/master/verdict.h"

struct cert_check {
    const char *address, *installed; /* NULL: not given */
    const char *password_path;
    bool json;
    struct candidate candidate;
    struct collection pool; /* certificates installed there */
    json_t *verdicts; /* NULL: nothing was judged */
};

/* ---- XenServer ---- */

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

/* XAPI takes one certificate per file, and stores the whole file on every host. */
static void judge_pool_file(struct cert_check *c)
{
    const size_t count = collection_count(&c->pool, COLLECTED_CERTIFICATE);
    const char *remedy = "wlbproxy cert export-for-pool DIR writes the files it takes";

    if (count > 1)
        findings_add(&c->candidate.findings, "pool-file-multiple", SEVERITY_WARNING,
            c->installed, "xe refuses it: \"multiple certificates\"", remedy,
            "it has %zu certificates; XenServer takes one per file", count);
    if (collection_count(&c->pool, COLLECTED_KEY) > 0)
        findings_add(&c->candidate.findings, "pool-file-key", SEVERITY_WARNING,
            c->installed, "XAPI would copy the key to every host of the pool", remedy,
            "there is a private key in the file for the pool");
}

static bool ask_xenserver(struct cert_check *c)
{
    STACK_OF(X509) * installed;

    if (c->installed != NULL &&
        !collect_file_apart(&c->pool, c->installed, NULL, false, &c->candidate.findings))
        return false;
    judge_pool_file(c);
    installed = installed_in_pool(c);
    c->verdicts = json_array();
    verdicts_add(c->verdicts,
        &(struct verdict_question){
            .leaf = c->candidate.pair.leaf,
            .chain = c->candidate.pair.chain,
            .address = c->address,
            .installed = installed,
        });
    sk_X509_free(installed); /* borrowed certificates */
    return true;
}

/* ---- the result ---- */

static bool is_good(const struct cert_check *c)
{
    bool asked = c->address != NULL || c->installed != NULL;

    return c->candidate.servable &&
        findings_worst(&c->candidate.findings) < SEVERITY_STALE &&
        !(asked && !verdicts_are_good(c->verdicts));
}

static void print_check(const struct cert_check *c)
{
    json_t *findings = describe_findings(&c->candidate.findings);

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
    else if (c->candidate.findings.count > 0)
        putchar('\n');
    summary_print(&c->candidate.findings, is_good(c), false);
    json_decref(findings);
}

static void destroy(struct cert_check *c)
{
    json_decref(c->verdicts);
    candidate_destroy(&c->candidate);
    collection_destroy(&c->pool);
}

static int check(struct cert_check *c)
{
    int status;

    if (candidate_judge(&c->candidate)) {
        if (c->address != NULL)
            judge_address(c->candidate.pair.leaf, c->candidate.files.items[0], c->address,
                &c->candidate.findings);
        c->candidate.servable = ask_xenserver(c);
    }
    print_check(c);
    status = is_good(c) ? EXIT_DONE : EXIT_NEGATIVE;
    destroy(c);
    return status;
}

static bool prepare(struct cert_check *c)
{
    struct error err = {""};

    if (c->candidate.files.count == 0)
        error_set(&err,
            "an operand is missing: FILE; for what the configuration names: "
            "wlbproxy check");
    else if (secrets_init(&err) &&
        password_read(c->password_path, &c->candidate.password, &err))
        return true;
    print_failure("cert check", c->json, err.text);
    return false;
}

int cert_check_command(int argc, char **argv)
{
    struct cert_check c = {0};
    const struct argument list[] = {
        {.name = "name",
            .value = "HOST",
            .help = "the host in the pool's WLB URL",
            .text = &c.address,
            .former = "address"},
        {.name = "key",
            .value = "FILE",
            .help = "its private key",
            .text = &c.candidate.key},
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
            "are not valid now, or XenServer would not accept them under --name.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "FILE...",
        .operands = &c.candidate.files,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON)
        status = prepare(&c) ? check(&c) : EXIT_FAILED;
    password_free(c.candidate.password);
    text_list_clear(&c.candidate.files);
    return status;
}
