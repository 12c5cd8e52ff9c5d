#include "proxy/command/cert/cert_pool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/judge/xenserver.h"
#include "certstore/read/pem_text.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/remote.h"
#include "proxy/command/command.h"
#include "proxy/command/print.h"

enum { COMMAND_MAX = 1024, NAME_MAX_LEN = 128 };

/* ---- the steps ---- */

static bool step(const struct pool_task *task, const char *command, const char *input,
    size_t len, struct remote_answer *answer, struct error *err)
{
    char said[400];

    remote_show(task->host, command);
    if (!remote_run(task->host, command, input, len, answer, err))
        return false;
    if (answer->status == 0)
        return true;
    remote_words(answer->text, answer->len, said, sizeof(said));
    return error_set(err, "%s: %s (exit status %d)%s%s", task->host,
        answer->status == REMOTE_UNREACHED ? "ssh did not get there"
                                           : "the command failed",
        answer->status, *said != '\0' ? ": " : "", said);
}

/* "product_version: 8.2.1; ... xapi_build: 24.40.0;" */
static bool read_release(
    const char *text, enum xenserver_release *release, char version[32])
{
    const char *product = strstr(text, "product_version:");
    const char *build = strstr(text, "xapi_build:");
    unsigned major = 0, minor = 0;

    if (product != NULL &&
        sscanf(product, "product_version: %u.%u", &major, &minor) == 2 && major == 8 &&
        minor <= 2) {
        snprintf(version, 32, "product %u.%u", major, minor);
        *release = XENSERVER_8_2;
        return true;
    }
    if (build == NULL || sscanf(build, "xapi_build: %u.%u", &major, &minor) != 2)
        return false;
    snprintf(version, 32, "XAPI %u.%u", major, minor);
    *release =
        major > 24 || (major == 24 && minor >= 40) ? XENSERVER_CHAIN : XENSERVER_PEER;
    return true;
}

static bool find_release(
    const struct pool_task *task, enum xenserver_release *release, struct error *err)
{
    struct remote_answer answer;
    char version[32], text[128];

    puts("which generation is the pool?");
    if (!step(task, "xe host-list params=software-version", NULL, 0, &answer, err))
        return false;
    if (!read_release(answer.text, release, version))
        return error_set(err,
            "%s: it does not tell its product_version and xapi_build; is it the "
            "coordinator of a pool?",
            task->host);
    snprintf(
        text, sizeof(text), "it is %s: %s", version, xenserver_release_name(*release));
    print_wrapped(stdout, "", text);
    return true;
}

struct plan_of_pool {
    char name[NAME_MAX_LEN];
    char copy[COMMAND_MAX], install[COMMAND_MAX];
    struct pem_text pem;
};

static const char sync_command[] = "xe pool-certificate-sync";
static const char switch_command[] =
    "xe pool-param-set wlb-verify-cert=true uuid=$(xe pool-list --minimal)";
static const char list_command[] = "xe pool-list params=wlb-verify-cert --minimal";

static void make_plan(
    struct plan_of_pool *plan, enum xenserver_release release, X509 *certificate)
{
    const char *install = release == XENSERVER_8_2 ? "pool-certificate-install"
                                                   : "pool-install-ca-certificate";

    xenserver_file_name(certificate, plan->name, sizeof(plan->name));
    snprintf(plan->copy, sizeof(plan->copy), "umask 077 && cat > %s", plan->name);
    snprintf(
        plan->install, sizeof(plan->install), "xe %s filename=%s", install, plan->name);
    pem_text_add_certificate(&plan->pem, certificate);
}

static void show_plan(
    const struct pool_task *task, const struct plan_of_pool *plan, X509 *certificate)
{
    char subject[256], text[400];

    certificate_subject(certificate, subject, sizeof(subject));
    snprintf(text, sizeof(text), "it is to trust %s:", subject);
    print_wrapped(stdout, "", text);
    remote_show(task->host, plan->copy);
    remote_show(task->host, plan->install);
    remote_show(task->host, sync_command);
    remote_show(task->host, switch_command);
}

/* A certificate that is there already is accepted: its file is named after its
 * fingerprint. */
static bool install(
    const struct pool_task *task, const struct plan_of_pool *plan, struct error *err)
{
    struct remote_answer answer;

    if (step(task, plan->install, NULL, 0, &answer, err))
        return true;
    if (answer.status == REMOTE_UNREACHED ||
        (strstr(answer.text, "already exists") == NULL &&
            strstr(answer.text, "ALREADY_EXISTS") == NULL))
        return false;
    puts("it is installed already");
    return true;
}

static bool change(
    const struct pool_task *task, const struct plan_of_pool *plan, struct error *err)
{
    struct remote_answer answer;
    char said[64];

    puts("running");
    if (!step(task, plan->copy, plan->pem.text, plan->pem.len, &answer, err) ||
        !install(task, plan, err) || !step(task, sync_command, NULL, 0, &answer, err) ||
        !step(task, switch_command, NULL, 0, &answer, err))
        return false;
    puts("is it so?");
    if (!step(task, list_command, NULL, 0, &answer, err))
        return false;
    remote_words(answer.text, answer.len, said, sizeof(said));
    return strcmp(said, "true") == 0 ||
        error_set(err, "%s: wlb-verify-cert is '%s', not true", task->host, said);
}

static bool trust(const struct pool_task *task, X509 *certificate,
    enum xenserver_release release, struct error *err)
{
    struct plan_of_pool plan = {.name = ""};
    char subject[256], text[512];
    bool done;

    make_plan(&plan, release, certificate);
    show_plan(task, &plan, certificate);
    if (task->dry_run) {
        puts("DRY RUN: nothing was changed");
        pem_text_destroy(&plan.pem);
        return true;
    }
    done =
        remote_agreed(task->yes, "run these commands?", err) && change(task, &plan, err);
    pem_text_destroy(&plan.pem);
    if (!done)
        return false;
    certificate_subject(certificate, subject, sizeof(subject));
    snprintf(text, sizeof(text),
        "TRUSTED: %s verifies what WLB presents, and trusts %s (%s)", task->host, subject,
        plan.name);
    print_wrapped(stdout, "", text);
    return true;
}

static bool find_and_trust(const struct pool_task *task, struct error *err)
{
    enum xenserver_release release = XENSERVER_RELEASES;
    X509 *certificate;

    if (!find_release(task, &release, err))
        return false;
    certificate = xenserver_to_install(release, task->leaf, task->chain, time(NULL));
    if (certificate == NULL)
        return error_set(err,
            "the certificate that this generation needs, the root, is not in the file; "
            "get it from the CA and name a file with the whole chain: --cert FILE");
    return trust(task, certificate, release, err);
}

int pool_trust(const struct pool_task *task)
{
    struct error err = {""};
    bool done;

    (void)signal(SIGPIPE, SIG_IGN); /* a host that hangs up is reported as an error of
                                     * write() */
    done = find_and_trust(task, &err);
    if (!done)
        print_failure("cert export-for-pool", false, err.text);
    return done ? EXIT_DONE : EXIT_NEGATIVE;
}
